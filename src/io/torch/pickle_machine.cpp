#include "io/torch/pickle_machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "utf8.h"

namespace luxtorch::io {
namespace {

constexpr size_t kMostValues = 10'000'000;
constexpr size_t kMostCopied = 1U << 28U;  // bytes

void check_count(size_t count) {
  if (count >= kMostValues)
    throw Fault::unsupported("", fmt::format("expected at most {} values, got more.", kMostValues));
}

size_t bytes_of(const PickleValue& value) {
  if (const auto* sequence = std::get_if<PickleSequence>(&value))
    return sequence->parts.size() * sizeof(PickleId);
  if (const auto* dict = std::get_if<PickleDict>(&value))
    return dict->items.size() * sizeof dict->items[0];
  if (const auto* text = std::get_if<std::string>(&value)) return text->size();
  if (const auto* bytes = std::get_if<PickleBytes>(&value)) return bytes->bytes.size();
  return 0;
}

std::string quoted(const std::string& name) {
  constexpr size_t kLongest = 200;
  if (name.size() > kLongest || !detail::is_utf8(name)) return "a name that no module has";
  std::string text;
  append_json(text, name);
  return text;
}

}  // namespace

void PickleMachine::run() {
  try {
    while (step()) {
    }
  } catch (Fault& fault) {
    if (fault.place.empty() && !fault.is_unsupported()) fault.place = input_.place();
    throw;
  }
}

void PickleMachine::fail(std::string expected, std::string_view got) {
  throw Fault("", std::move(expected), std::string(got));
}

void PickleMachine::push(PickleValue value) {
  check_count(std::max(stack_.size(), pickle_.values_.size()));
  stack_.push_back(static_cast<PickleId>(pickle_.values_.size()));
  pickle_.values_.push_back(std::move(value));
}

PickleId PickleMachine::top() const {
  if (stack_.size() <= floor()) fail("a value on the stack", "none");
  return stack_.back();
}

PickleId PickleMachine::pop() {
  PickleId id = top();
  stack_.pop_back();
  return id;
}

std::vector<PickleId> PickleMachine::pop(size_t count) {
  if (stack_.size() - floor() < count) fail(fmt::format("{} values on the stack", count), "fewer");
  std::vector<PickleId> ids(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
  stack_.resize(stack_.size() - count);
  return ids;
}

std::vector<PickleId> PickleMachine::pop_to_mark() {
  if (marks_.empty()) fail("a mark on the stack", "none");
  auto ids = pop(stack_.size() - marks_.back());
  marks_.pop_back();
  return ids;
}

void PickleMachine::duplicate() {
  check_count(stack_.size());
  stack_.push_back(top());
}

void PickleMachine::put(uint32_t key) {
  check_count(memo_.size());
  memo_[key] = top();
}

void PickleMachine::get(uint32_t key) {
  auto found = memo_.find(key);
  if (found == memo_.end()) fail("a value that was noted", fmt::format("number {}", key));
  stack_.push_back(found->second);
}

void PickleMachine::set_items(const std::vector<PickleId>& ids) {
  if (ids.size() % 2 != 0) fail("a value for each key", "a key alone");
  auto* object = find_object(top());
  auto& items = object ? object->items : as<PickleDict>(top(), "a dict").items;
  for (size_t i = 0; i < ids.size(); i += 2) items.emplace_back(ids[i], ids[i + 1]);
}

void PickleMachine::append(const std::vector<PickleId>& ids) {
  if (auto* object = find_object(top())) {
    object->parts.insert(object->parts.end(), ids.begin(), ids.end());
    return;
  }
  auto& list = as<PickleSequence>(top(), "a list");
  if (!list.is_list) fail("a list", "a tuple");
  list.parts.insert(list.parts.end(), ids.begin(), ids.end());
}

void PickleMachine::spend(size_t bytes) {
  copied_ += bytes;
  if (copied_ > kMostCopied)
    throw Fault::unsupported(
        "",
        fmt::format("expected calls that give at most {} bytes together, got more.", kMostCopied));
}

void PickleMachine::global_line() {
  auto module = input_.line();
  global(module, input_.line());
}

void PickleMachine::global(const std::string& module, const std::string& name) {
  // Protocols up to 2 name Python 2's module.
  auto full = (module == "__builtin__" ? "builtins" : module) + "." + name;
  if (visitor_.is_constant(full)) return push(std::move(full));
  if (visitor_.knows(full)) return push(PickleGlobal{std::move(full)});
  auto asked = quoted(module + "." + name);
  if (visitor_.makes_objects) {
    std::string type = asked.starts_with('"') ? full : asked;
    return push(object(std::move(type), "a class or a function of Python, which is not run."));
  }
  throw Fault::unsupported(
      input_.place(),
      fmt::format("expected tensors, dicts, lists, tuples, numbers and strings, got a pickle "
                  "that asks for {}. Nothing of it was run. Save a state_dict().",
                  asked));
}

PickleObject PickleMachine::object(std::string type, std::string problem) {
  spend(sizeof(Pickle::Object) + type.size() + problem.size());
  pickle_.objects_.push_back({std::move(type), std::move(problem)});
  return {pickle_.objects_.size() - 1};
}

Pickle::Object* PickleMachine::find_object(PickleId id) {
  auto* value = std::get_if<PickleObject>(&pickle_.values_[id]);
  return value ? &pickle_.objects_[value->number] : nullptr;
}

const Pickle::Object* PickleMachine::find_object_in(const std::vector<PickleId>& ids,
                                                    size_t level) {
  constexpr size_t kLevels = 3, kParts = 16;
  for (PickleId id : std::span(ids).first(std::min(ids.size(), kParts))) {
    if (const auto* found = find_object(id)) return found;
    const auto* sequence = std::get_if<PickleSequence>(&pickle_.values_[id]);
    if (!sequence || level == kLevels) continue;
    if (const auto* found = find_object_in(sequence->parts, level + 1)) return found;
  }
  return nullptr;
}

void PickleMachine::call_with_tuple() {
  PickleId arguments = pop();
  call(pop(), as<PickleSequence>(arguments, "a tuple of arguments").parts);
}

void PickleMachine::call(PickleId function, std::vector<PickleId> arguments) {
  if (const auto* called = find_object(function)) {
    std::string type = called->type;
    bool is_maker = type == "copyreg._reconstructor" || type == "copy_reg._reconstructor" ||
                    type == "copyreg.__newobj__" || type == "copy_reg.__newobj__" ||
                    type == "copyreg.__newobj_ex__";
    if (is_maker && !arguments.empty()) {
      if (const auto* of = find_object(arguments[0])) type = of->type;
      if (const auto* of = std::get_if<PickleGlobal>(&pickle_.values_[arguments[0]]))
        type = of->name;
    }
    return push(object(std::move(type), "an object of Python, which is not built."));
  }
  const auto name = as<PickleGlobal>(function, "a name to call").name;
  PickleValue value = value_of_call(name, arguments);
  spend(bytes_of(value));
  push(std::move(value));
}

PickleValue PickleMachine::value_of_call(const std::string& name,
                                         const std::vector<PickleId>& arguments) {
  if (name == "collections.OrderedDict") return ordered_dict(arguments);
  if (!visitor_.makes_objects) return visitor_.call(pickle_, name, arguments);
  try {
    return visitor_.call(pickle_, name, arguments);
  } catch (const Fault& fault) {
    if (fault.is_unsupported())
      return object(fault.type.empty() ? name : fault.type, fault.message);
    // What is made of an object that is not built is not built.
    const auto* part = find_object_in(arguments, 0);
    if (!part) throw;
    return object(part->type, fmt::format("a part of what {} makes, which is not built.", name));
  }
}

// Python 2 gives it a list of its items.
PickleDict PickleMachine::ordered_dict(const std::vector<PickleId>& arguments) {
  PickleDict dict{{}, PickleDict::Kind::kOrdered};
  if (arguments.empty()) return dict;
  if (arguments.size() > 1) fail("an OrderedDict of items", "more arguments");
  for (PickleId item : as<PickleSequence>(arguments[0], "a list of items").parts) {
    const auto& pair = as<PickleSequence>(item, "a key and a value").parts;
    if (pair.size() != 2) fail("a key and a value", std::to_string(pair.size()));
    dict.items.emplace_back(pair[0], pair[1]);
  }
  return dict;
}

void PickleMachine::build() {
  PickleId state = pop();
  if (auto* object = find_object(top())) return add_attributes(*object, state);
  if (auto* made = std::get_if<PickleMade>(&pickle_.values_[top()])) {
    // Parameters of before 0.4: whether they need gradients, and hooks.
    const auto* parts = std::get_if<PickleSequence>(&pickle_.values_[state]);
    if (!parts || parts->parts.size() != 3) made->attributes = state;
    return;
  }
  auto& dict = as<PickleDict>(top(), "an OrderedDict for attributes");
  if (dict.kind == PickleDict::Kind::kPlain) fail("an OrderedDict for attributes", "a dict");
  if (dict.kind != PickleDict::Kind::kObject) return;  // a state dict's _metadata
  spend(bytes_of(pickle_.values_[state]));
  dict.items = std::vector(as<PickleDict>(state, "a dict of attributes").items);
}

// A dict, or a pair of dicts: of what stands in __dict__, and in __slots__.
void PickleMachine::add_attributes(Pickle::Object& object, PickleId state) {
  const PickleValue& value = pickle_.values_[state];
  std::vector<PickleId> dicts = {state};
  if (const auto* pair = std::get_if<PickleSequence>(&value); pair && pair->parts.size() == 2)
    dicts = pair->parts;
  for (PickleId id : dicts) {
    const auto* dict = std::get_if<PickleDict>(&pickle_.values_[id]);
    if (!dict) continue;
    spend(bytes_of(pickle_.values_[id]));
    object.items.insert(object.items.end(), dict->items.begin(), dict->items.end());
  }
}

}  // namespace luxtorch::io
