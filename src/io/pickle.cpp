#include "io/pickle.h"

#include <fmt/format.h>

#include <unordered_map>

#include "io/file_fault.h"
#include "io/pickle_codes.h"
#include "io/pickle_input.h"

namespace luxtorch::io {
namespace {

using namespace pickle;

constexpr size_t kMostValues = 10'000'000;
constexpr size_t kMostCopied = 1U << 28U;  // bytes

}  // namespace

std::string_view describe(const PickleValue& value) {
  constexpr std::string_view kNames[] = {"None",   "a bool",     "an int", "a float",  "a str",
                                         "a name", "a sequence", "a dict", "a tensor", "bytes"};
  return kNames[value.index()];
}

class PickleMachine {
 public:
  PickleMachine(std::string_view text, const Pickle::Visitor& visitor, Pickle& pickle)
      : input_(text), visitor_(visitor), pickle_(pickle) {}

  void run() {
    try {
      while (step()) {
      }
    } catch (FileFault& fault) {
      if (fault.place.empty()) fault.place = input_.place();
      throw;
    }
  }

 private:
  [[noreturn]] static void fail(std::string expected, std::string_view got) {
    throw FileFault{"", std::move(expected), std::string(got)};
  }

  static void check_count(size_t count) {
    if (count >= kMostValues)
      throw FileUnsupported{"", fmt::format("expected at most {} values, got more.", kMostValues)};
  }
  void push(PickleValue value) {
    check_count(pickle_.values_.size());
    stack_.push_back(static_cast<PickleId>(pickle_.values_.size()));
    pickle_.values_.push_back(std::move(value));
  }
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  PickleId top() const {
    if (stack_.size() <= floor()) fail("a value on the stack", "none");
    return stack_.back();
  }
  PickleId pop() {
    PickleId id = top();
    stack_.pop_back();
    return id;
  }
  std::vector<PickleId> pop(size_t count) {
    if (stack_.size() - floor() < count)
      fail(fmt::format("{} values on the stack", count), "fewer");
    std::vector<PickleId> ids(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return ids;
  }
  std::vector<PickleId> pop_to_mark() {
    if (marks_.empty()) fail("a mark on the stack", "none");
    auto ids = pop(stack_.size() - marks_.back());
    marks_.pop_back();
    return ids;
  }
  template <class T>
  T& as(PickleId id, const char* expected) {
    if (auto* value = std::get_if<T>(&pickle_.values_[id])) return *value;
    fail(expected, describe(pickle_.values_[id]));
  }

  void set_items(const std::vector<PickleId>& ids) {
    if (ids.size() % 2 != 0) fail("a value for each key", "a key alone");
    auto& dict = as<PickleDict>(top(), "a dict");
    for (size_t i = 0; i < ids.size(); i += 2) dict.items.emplace_back(ids[i], ids[i + 1]);
  }
  void append(const std::vector<PickleId>& ids) {
    auto& list = as<PickleSequence>(top(), "a list");
    if (!list.is_list) fail("a list", "a tuple");
    list.parts.insert(list.parts.end(), ids.begin(), ids.end());
  }
  void put(uint32_t key) {
    check_count(memo_.size());
    memo_[key] = top();
  }
  void get(uint32_t key) {
    auto found = memo_.find(key);
    if (found == memo_.end()) fail("a value that was noted", fmt::format("number {}", key));
    stack_.push_back(found->second);
  }
  void global(const std::string& module, const std::string& name) {
    // Protocols up to 2 name Python 2's module.
    auto full = (module == "__builtin__" ? "builtins" : module) + "." + name;
    if (visitor_.is_constant(full)) return push(std::move(full));
    if (!visitor_.knows(full)) {
      constexpr size_t kLongest = 200;
      std::string quoted;
      auto asked = module + "." + name;
      if (asked.size() <= kLongest && is_utf8(asked)) {
        append_json(quoted, asked);
      } else {
        quoted = "a name that no module has";
      }
      throw FileUnsupported{
          input_.place(),
          fmt::format("expected tensors, dicts, lists, tuples, numbers and strings, got a pickle "
                      "that asks for {}. Nothing of it was run. Save a state_dict().",
                      quoted)};
    }
    push(PickleGlobal{std::move(full)});
  }
  // What calls give may be parts of another value, copied: a short pickle can ask for that a
  // million times.
  void spend(const PickleValue& value) {
    if (const auto* sequence = std::get_if<PickleSequence>(&value)) {
      copied_ += sequence->parts.size() * sizeof(PickleId);
    } else if (const auto* dict = std::get_if<PickleDict>(&value)) {
      copied_ += dict->items.size() * sizeof dict->items[0];
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      copied_ += text->size();
    } else if (const auto* bytes = std::get_if<PickleBytes>(&value)) {
      copied_ += bytes->bytes.size();
    }
    if (copied_ > kMostCopied)
      throw FileUnsupported{
          "", fmt::format("expected calls that give at most {} bytes together, got more.",
                          kMostCopied)};
  }
  // An OrderedDict's attributes are a state dict's _metadata.
  void build() {
    PickleId state = pop();
    auto& dict = as<PickleDict>(top(), "an OrderedDict for attributes");
    if (dict.kind == PickleDict::Kind::kPlain) fail("an OrderedDict for attributes", "a dict");
    if (dict.kind != PickleDict::Kind::kObject) return;
    spend(pickle_.values_[state]);
    dict.items = std::vector(as<PickleDict>(state, "a dict of attributes").items);
  }
  void reduce() {
    PickleId arguments = pop(), function = pop();
    const auto& parts = as<PickleSequence>(arguments, "a tuple of arguments").parts;
    const auto& name = as<PickleGlobal>(function, "a name to call").name;
    if (name == "collections.OrderedDict") {
      if (!parts.empty()) fail("an empty OrderedDict", "one with arguments");
      push(PickleDict{{}, PickleDict::Kind::kOrdered});
    } else {
      PickleValue value = visitor_.call(pickle_, name, parts);
      spend(value);
      push(std::move(value));
    }
  }

  bool step() {
    auto code = input_.instruction();
    switch (code) {
      case kProto:
        if (auto version = input_.number<uint8_t>(); version > 5)
          fail("a pickle's version, up to 5", std::to_string(version));
        break;
      case kFrame:
        input_.number<uint64_t>();
        break;
      case kMark:
        marks_.push_back(stack_.size());
        break;
      case kPop:
        pop();
        break;
      case kPopMark:
        pop_to_mark();
        break;
      case kNone:
        push(PickleNone{});
        break;
      case kTrue:
        push(true);
        break;
      case kFalse:
        push(false);
        break;
      case kInt1:
        push(int64_t{input_.number<uint8_t>()});
        break;
      case kInt2:
        push(int64_t{input_.number<uint16_t>()});
        break;
      case kInt4:
        push(int64_t{input_.number<int32_t>()});
        break;
      case kLong1:
        push(input_.long_integer(input_.number<uint8_t>()));
        break;
      case kLong4:
        push(input_.long_integer(input_.number<uint32_t>()));
        break;
      case kIntLine:
        push(input_.int_line());
        break;
      case kLongLine:
        push(input_.integer_line());
        break;
      case kFloatLine:
        push(input_.float_line());
        break;
      case kTextLine:
        push(input_.escaped_line());
        break;
      case kOldText1:
        push(input_.old_text(input_.number<uint8_t>()));
        break;
      case kOldText4:
        push(input_.old_text(input_.number<uint32_t>()));
        break;
      case kOldTextLine:
        push(input_.quoted_line());
        break;
      case kBytes1:
        push(PickleBytes{std::string(input_.take(input_.number<uint8_t>()))});
        break;
      case kBytes4:
        push(PickleBytes{std::string(input_.take(input_.number<uint32_t>()))});
        break;
      case kBytes8:
      case kByteArray8:
        push(PickleBytes{std::string(input_.take(input_.number<uint64_t>()))});
        break;
      case kFloat:
        push(input_.big_endian_double());
        break;
      case kText1:
        push(input_.text(input_.number<uint8_t>()));
        break;
      case kText4:
        push(input_.text(input_.number<uint32_t>()));
        break;
      case kText8:
        push(input_.text(input_.number<uint64_t>()));
        break;
      case kEmptyTuple:
        push(PickleSequence{{}, false});
        break;
      case kTuple1:
      case kTuple2:
      case kTuple3:
        push(PickleSequence{pop(code - kTuple1 + 1), false});
        break;
      case kTuple:
        push(PickleSequence{pop_to_mark(), false});
        break;
      case kFrozenSet:
        push(PickleSequence{pop_to_mark(), false});
        break;
      case kEmptySet:
      case kEmptyList:
        push(PickleSequence{{}, true});
        break;
      case kList:
        push(PickleSequence{pop_to_mark(), true});
        break;
      case kAppend:
        append(pop(1));
        break;
      case kAddItems:
      case kAppends:
        append(pop_to_mark());
        break;
      case kEmptyDict:
        push(PickleDict{});
        break;
      case kDict: {
        auto ids = pop_to_mark();
        push(PickleDict{});
        set_items(ids);
        break;
      }
      case kSetItem:
        set_items(pop(2));
        break;
      case kSetItems:
        set_items(pop_to_mark());
        break;
      case kPutLine:
        put(input_.key_line());
        break;
      case kPut1:
        put(input_.number<uint8_t>());
        break;
      case kPut4:
        put(input_.number<uint32_t>());
        break;
      case kMemoize:
        put(static_cast<uint32_t>(memo_.size()));
        break;
      case kGetLine:
        get(input_.key_line());
        break;
      case kGet1:
        get(input_.number<uint8_t>());
        break;
      case kGet4:
        get(input_.number<uint32_t>());
        break;
      case kGlobal: {
        auto module = input_.line();
        global(module, input_.line());
        break;
      }
      case kStackGlobal: {
        auto ids = pop(2);
        global(as<std::string>(ids[0], "a module's name"), as<std::string>(ids[1], "a name"));
        break;
      }
      case kDuplicate:
        check_count(stack_.size());
        stack_.push_back(top());
        break;
      case kNewObject:
      case kReduce:
        reduce();
        break;
      case kBuild:
        build();
        break;
      case kPersistent:
        push(visitor_.persistent(pickle_, pop()));
        break;
      case kStop:
        pickle_.root_ = pop();
        if (!stack_.empty() || !marks_.empty()) fail("one value at the end", "more");
        return false;
      default:
        throw FileUnsupported{
            input_.place(),
            fmt::format("expected tensors, dicts, lists, tuples, numbers and strings, got a pickle "
                        "with the instruction {:#04x}. Save a state_dict().",
                        code)};
    }
    return true;
  }

  PickleInput input_;
  const Pickle::Visitor& visitor_;
  Pickle& pickle_;
  size_t copied_ = 0;
  std::vector<PickleId> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, PickleId> memo_;
};

Pickle::Pickle(std::string_view text, const Visitor& visitor) {
  PickleMachine(text, visitor, *this).run();
}

}  // namespace luxtorch::io
