// The machine that a pickle is a program for: a stack with marks, and a memo.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/base/fault.h"
#include "io/torch/pickle.h"
#include "io/torch/pickle_input.h"

namespace luxtorch::io {

class PickleMachine {
 public:
  PickleMachine(std::string_view text, const Pickle::Visitor& visitor, Pickle& pickle)
      : input_(text), visitor_(visitor), pickle_(pickle) {}

  /// Faults are at "byte 17".
  void run();

 private:
  bool step();  // false: it was the last

  // The stack and the memo.
  [[noreturn]] static void fail(std::string expected, std::string_view got);
  void push(PickleValue value);
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  PickleId top() const;
  PickleId pop();
  std::vector<PickleId> pop(size_t count);
  std::vector<PickleId> pop_to_mark();
  void duplicate();
  void put(uint32_t key);
  void get(uint32_t key);
  template <class T>
  T& as(PickleId id, const char* expected) {
    if (auto* value = std::get_if<T>(&pickle_.values_[id])) return *value;
    fail(expected, describe(pickle_.values_[id]));
  }

  // Containers, calls and objects.
  void set_items(const std::vector<PickleId>& ids);
  void append(const std::vector<PickleId>& ids);
  void global(const std::string& module, const std::string& name);
  void global_line();
  void call_with_tuple();
  void call(PickleId function, std::vector<PickleId> arguments);
  PickleValue value_of_call(const std::string& name, const std::vector<PickleId>& arguments);
  PickleDict ordered_dict(const std::vector<PickleId>& arguments);
  PickleObject object(std::string type, std::string problem);
  Pickle::Object* find_object(PickleId id);
  const Pickle::Object* find_object_in(const std::vector<PickleId>& ids, size_t level);
  void build();
  void add_attributes(Pickle::Object& object, PickleId state);
  // What calls give may be parts of another value, copied: a short pickle can ask for that a million
  // times.
  void spend(size_t bytes);

  PickleInput input_;
  const Pickle::Visitor& visitor_;
  Pickle& pickle_;
  size_t copied_ = 0;
  std::vector<PickleId> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, PickleId> memo_;
};

}  // namespace luxtorch::io
