// Callback: what a run of fit calls between its steps.
//
//     struct PrintLoss {
//       void on_epoch(const Event& event) const { std::cout << event.epoch << " " << event.loss() << "\n"; }
//     };
//     auto history = fit(ts, objective, train, {.epochs = 25, .callbacks = {PrintLoss{}}});
//
// A callback is any copyable type with at least one of these functions; each takes `Event&` or `const Event&`:
// - on_resume: before all on_start, the place to begin anew, and (with `last`, below) for Event::restore_;
// - on_start: before the first step;
// - on_step: after each step;
// - on_epoch: after each epoch and its validation;
// - on_end: after the last step, whatever ended the run: files are closed here;
// - on_note, with a const std::string&: a line of another callback (Event::note);
// - on_error, with a const std::exception&, returns bool: true where the run ends without the error, as by stop.
//
// They are called in the order of the list. Two further functions make it part of a checkpoint: `Tree state() const`
// and `void set_state_(const Tree&)`. `std::string name() const` is its name in errors and checkpoints; without it that
// of its type. `static constexpr bool root_only = true` means that only rank 0 of a group calls it, for what
// prints and writes files.
//
// `static constexpr bool last = true` means that fit calls it after those without, in each of these functions: for what
// saves the states of the others, so that a checkpoint has what they made of the step.
//
// std::ref(callback) lends it to the run, so that the program can read it afterwards; else the run has a copy.
//
// What a callback throws ends the run: all get on_end, and fit throws an ArgumentError with the callback's name and the
// function, std::nested_exception has the original one.
#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "luxtorch/core/api.h"
#include "luxtorch/core/error.h"
#include "luxtorch/fit/event.h"
#include "luxtorch/tree.h"

namespace luxtorch {

namespace detail {
template <class T>
concept HasOnResume = requires(T& t, Event& e) { t.on_resume(e); };
template <class T>
concept HasOnStart = requires(T& t, Event& e) { t.on_start(e); };
template <class T>
concept HasOnStep = requires(T& t, Event& e) { t.on_step(e); };
template <class T>
concept HasOnEpoch = requires(T& t, Event& e) { t.on_epoch(e); };
template <class T>
concept HasOnEnd = requires(T& t, Event& e) { t.on_end(e); };
template <class T>
concept HasOnNote = requires(T& t, Event& e, const std::string& text) { t.on_note(e, text); };
template <class T>
concept HasOnError = requires(T& t, Event& e, const std::exception& error) {
  { t.on_error(e, error) } -> std::same_as<bool>;
};
}  // namespace detail

/// A type with at least one of the functions at the head of this file.
template <class T>
concept CallbackLike =
    std::movable<T> &&
    (detail::HasOnResume<T> || detail::HasOnStart<T> || detail::HasOnStep<T> ||
     detail::HasOnEpoch<T> || detail::HasOnEnd<T> || detail::HasOnNote<T> || detail::HasOnError<T>);

/// Any callback, with its type erased. Copies share it.
class Callback {
 public:
  /// Takes over a callback.
  template <class T>
    requires(!std::same_as<T, Callback> && CallbackLike<T>)
  Callback(T callback) : impl_(std::make_shared<Model<T, T>>(std::move(callback))) {}
  /// Lends one, which must outlive the run.
  template <class T>
    requires CallbackLike<T>
  Callback(std::reference_wrapper<T> callback)
      : impl_(std::make_shared<Model<T, T&>>(callback.get())) {}
  /// SaveEvery with the folder: a checkpoint after each epoch and at the end, and a start from the newest one.
  LUXTORCH_API Callback(CheckpointFolder folder);

  /// Whether it has on_step, so that a run without one pays nothing.
  bool has_on_step() const { return impl_->has_on_step(); }
  /// Whether it is for rank 0 alone.
  bool root_only() const { return impl_->root_only(); }
  /// Whether it is called after the others.
  bool last() const { return impl_->last(); }
  /// Its name: that of its type, or what its name() says.
  std::string name() const { return impl_->name(); }
  // The functions at the head of this file; nothing where it has not.
  void on_resume(Event& e) const { impl_->on_resume(e); }                             ///< As above.
  void on_start(Event& e) const { impl_->on_start(e); }                               ///< As above.
  void on_step(Event& e) const { impl_->on_step(e); }                                 ///< As above.
  void on_epoch(Event& e) const { impl_->on_epoch(e); }                               ///< As above.
  void on_end(Event& e) const { impl_->on_end(e); }                                   ///< As above.
  void on_note(Event& e, const std::string& text) const { impl_->on_note(e, text); }  ///< As above.
  /// As above; false where it has none.
  bool on_error(Event& e, const std::exception& x) const { return impl_->on_error(e, x); }
  Tree state() const { return impl_->state(); }  ///< As above; none where it has none.
  void set_state_(const Tree& t) const { impl_->set_state_(t); }  ///< As above.

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual bool has_on_step() const = 0;
    virtual bool root_only() const = 0;
    virtual bool last() const = 0;
    virtual std::string name() const = 0;
    virtual void on_resume(Event& e) = 0;
    virtual void on_start(Event& e) = 0;
    virtual void on_step(Event& e) = 0;
    virtual void on_epoch(Event& e) = 0;
    virtual void on_end(Event& e) = 0;
    virtual void on_note(Event& e, const std::string& text) = 0;
    virtual bool on_error(Event& e, const std::exception& error) = 0;
    virtual Tree state() const = 0;
    virtual void set_state_(const Tree& state) = 0;
  };
  template <class T, class Held>
  struct Model;
  std::shared_ptr<Interface> impl_;
};

/// A callback of the type T: held, or, where Held is T&, lent.
template <class T, class Held>
struct Callback::Model final : Callback::Interface {
  Held c;
  explicit Model(Held&& callback) : c(std::forward<Held>(callback)) {}

  bool has_on_step() const override { return detail::HasOnStep<T>; }
  bool root_only() const override {
    if constexpr (requires { T::root_only; }) return T::root_only;
    return false;
  }
  bool last() const override {
    if constexpr (requires { T::last; }) return T::last;
    return false;
  }
  std::string name() const override {
    if constexpr (requires(const T& t) { std::string(t.name()); }) return c.name();
    return type_name(typeid(T));
  }
  void on_resume([[maybe_unused]] Event& e) override {
    if constexpr (detail::HasOnResume<T>) c.on_resume(e);
  }
  void on_start([[maybe_unused]] Event& e) override {
    if constexpr (detail::HasOnStart<T>) c.on_start(e);
  }
  void on_step([[maybe_unused]] Event& e) override {
    if constexpr (detail::HasOnStep<T>) c.on_step(e);
  }
  void on_epoch([[maybe_unused]] Event& e) override {
    if constexpr (detail::HasOnEpoch<T>) c.on_epoch(e);
  }
  void on_end([[maybe_unused]] Event& e) override {
    if constexpr (detail::HasOnEnd<T>) c.on_end(e);
  }
  void on_note([[maybe_unused]] Event& e, [[maybe_unused]] const std::string& text) override {
    if constexpr (detail::HasOnNote<T>) c.on_note(e, text);
  }
  bool on_error([[maybe_unused]] Event& e, [[maybe_unused]] const std::exception& error) override {
    if constexpr (detail::HasOnError<T>) return c.on_error(e, error);
    return false;
  }
  Tree state() const override {
    if constexpr (requires(const T& t) { Tree(t.state()); }) return c.state();
    return {};
  }
  void set_state_([[maybe_unused]] const Tree& state) override {
    if constexpr (requires(T& t) { t.set_state_(state); }) c.set_state_(state);
  }
};

}  // namespace luxtorch
