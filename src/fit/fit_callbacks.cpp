// How a run calls its callbacks, and how it ends.
#include <fmt/format.h>

#include <csignal>
#include <exception>

#include "fit/fit_run.h"
#include "fit/signals.h"
#include "luxtorch/core/error.h"
#include "train/train_state_storage.h"

namespace luxtorch::detail {

namespace {

// What a callback has thrown, with its name. A note makes callbacks call each other: the first name is the right one.
struct CallbackError : ArgumentError {
  using ArgumentError::ArgumentError;
};

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception that is no std::exception";
  }
}

}  // namespace

void FitRun::call_one_(const Callback& c, const char* function,
                       const std::function<void(const Callback&)>& f) {
  try {
    f(c);
  } catch (const DistributedError&) {
    throw;
  } catch (const CallbackError&) {
    throw;
  } catch (...) {
    CallbackError named(
        "fit", fmt::format("the callback {} failed in {}, in epoch {} at step {}: {}", c.name(),
                           function, event_.epoch, ts_.step, text_of(std::current_exception())));
    group_.fail_(named.what());
    std::throw_with_nested(named);
  }
}

void FitRun::call_(const char* function, const std::function<void(const Callback&)>& f) {
  for (const auto& c : options_.callbacks)
    if (is_ours(c)) call_one_(c, function, f);
}

void FitRun::note(const std::string& text) {
  call_("on_note", [&](const Callback& c) { c.on_note(event_, text); });
}

void FitRun::stop(std::string reason) {
  if (stop_reason_.empty()) stop_reason_ = reason.empty() ? "stopped" : std::move(reason);
}

void FitRun::notice_signal_() {
  if (!options_.signals || !stop_reason_.empty()) return;
  if (const int signal = StopSignals::received(); signal != 0)
    stop(signal == SIGINT ? "interrupted (SIGINT)" : "asked to end (SIGTERM)");
}

// Does a callback take the error for a stop?
bool FitRun::handled_(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    bool handled = false;
    call_("on_error", [&](const Callback& c) { handled = handled || c.on_error(event_, e); });
    return handled;
  } catch (...) {
    return false;
  }
}

// All callbacks that have begun get on_end, whatever another one throws there; gives the first error.
std::exception_ptr FitRun::end_() {
  event_.epoch = batch_ > 0 ? epoch_ + 1 : epoch_;
  event_.batch = batch_;
  event_.seconds = seconds();
  std::exception_ptr first;
  for (size_t i = 0; i < options_.callbacks.size(); ++i) {
    if (!started_[i]) continue;
    try {
      call_one_(options_.callbacks[i], "on_end", [&](const Callback& c) { c.on_end(event_); });
    } catch (...) {
      if (!first) first = std::current_exception();
    }
  }
  return first;
}

History FitRun::run() {
  const StopSignals signals(options_.signals);
  std::exception_ptr error;
  try {
    run_epochs_();
  } catch (...) {
    error = std::current_exception();
  }
  step_ = nullptr;
  epoch_lr_.reset();
  if (error) {
    const std::string text = text_of(error);
    try {
      if (handled_(error)) error = nullptr;
    } catch (...) {
      error = std::current_exception();
    }
    failed_ = error != nullptr;
    stop(text);
  }
  const auto at_end = end_();
  if (!error) error = at_end;
  if (error) std::rethrow_exception(error);
  notice_signal_();  // in the last validation, for example
  return history();
}

}  // namespace luxtorch::detail
