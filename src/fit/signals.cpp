#include "fit/signals.h"

#include <array>
#include <atomic>
#include <mutex>

namespace luxtorch::detail {

namespace {

struct Handled {
  int signal;
  struct sigaction before;
};
std::mutex mutex;
int users = 0;
std::array<Handled, 2> handled{{{SIGINT, {}}, {SIGTERM, {}}}};
std::atomic<int> noted = 0;
static_assert(std::atomic<int>::is_always_lock_free);

void put_back() {
  for (const auto& h : handled) sigaction(h.signal, &h.before, nullptr);
}

extern "C" void note_signal(int signal) {
  if (noted.exchange(signal) == 0) return;
  put_back();
  raise(signal);
}

}  // namespace

StopSignals::StopSignals(bool on) : on_(on) {
  if (!on_) return;
  const std::lock_guard lock(mutex);
  if (users++ > 0) return;
  noted = 0;
  for (auto& h : handled) {
    struct sigaction ours{};
    ours.sa_handler = note_signal;
    ours.sa_flags = SA_RESTART;
    sigemptyset(&ours.sa_mask);
    sigaction(h.signal, nullptr, &h.before);
    if (h.before.sa_handler != SIG_IGN) sigaction(h.signal, &ours, nullptr);
  }
}

StopSignals::~StopSignals() {
  if (!on_) return;
  const std::lock_guard lock(mutex);
  if (--users == 0) put_back();
}

int StopSignals::received() { return noted.load(std::memory_order_relaxed); }

}  // namespace luxtorch::detail
