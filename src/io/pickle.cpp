#include "io/pickle.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cstring>
#include <unordered_map>

#include "io/file_fault.h"
#include "io/pickle_numbers.h"

namespace luxtorch::io {
namespace {

constexpr size_t kMostValues = 10'000'000;
constexpr size_t kLongestInteger = 128;    // bytes
constexpr size_t kMostCopied = 1U << 28U;  // bytes

// pickletools' names for the instructions.
enum Code : uint8_t {
  kProto = 0x80,
  kFrame = 0x95,
  kStop = '.',
  kMark = '(',
  kPop = '0',
  kPopMark = '1',
  kNone = 'N',
  kTrue = 0x88,
  kFalse = 0x89,
  kInt1 = 'K',
  kInt2 = 'M',
  kInt4 = 'J',
  kLong1 = 0x8a,
  kLong4 = 0x8b,
  kIntLine = 'I',
  kLongLine = 'L',
  kFloat = 'G',
  kFloatLine = 'F',
  kTextLine = 'V',
  kOldText1 = 'U',
  kOldText4 = 'T',
  kOldTextLine = 'S',
  kBytes1 = 'C',
  kBytes4 = 'B',
  kBytes8 = 0x8e,
  kByteArray8 = 0x96,
  kText1 = 0x8c,
  kText4 = 'X',
  kText8 = 0x8d,
  kEmptyTuple = ')',
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kTuple = 't',
  kEmptySet = 0x8f,
  kAddItems = 0x90,
  kFrozenSet = 0x91,
  kEmptyList = ']',
  kList = 'l',
  kAppend = 'a',
  kAppends = 'e',
  kEmptyDict = '}',
  kDict = 'd',
  kSetItem = 's',
  kSetItems = 'u',
  kPutLine = 'p',
  kPut1 = 'q',
  kPut4 = 'r',
  kMemoize = 0x94,
  kGetLine = 'g',
  kGet1 = 'h',
  kGet4 = 'j',
  kGlobal = 'c',
  kStackGlobal = 0x93,
  kDuplicate = '2',
  kReduce = 'R',
  kNewObject = 0x81,
  kBuild = 'b',
  kPersistent = 'Q'
};

}  // namespace

std::string_view describe(const PickleValue& value) {
  constexpr std::string_view kNames[] = {"None",   "a bool",     "an int", "a float",  "a str",
                                         "a name", "a sequence", "a dict", "a tensor", "bytes"};
  return kNames[value.index()];
}

class PickleMachine {
 public:
  PickleMachine(std::string_view text, const Pickle::Visitor& visitor, Pickle& pickle)
      : text_(text), visitor_(visitor), pickle_(pickle) {}

  void run() {
    try {
      while (step()) {
      }
    } catch (FileFault& fault) {
      if (fault.place.empty()) fault.place = fmt::format("byte {}", start_);
      throw;
    }
  }

 private:
  [[noreturn]] static void fail(std::string expected, std::string_view got) {
    throw FileFault{"", std::move(expected), std::string(got)};
  }

  std::string_view take(uint64_t count) {
    if (count > text_.size() - at_)
      fail(fmt::format("{} bytes", count), fmt::format("the end after {}", text_.size() - at_));
    auto bytes = text_.substr(at_, count);
    at_ += count;
    return bytes;
  }
  template <class T>
  T number() {
    T value{};
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string line() {
    auto end = text_.find('\n', at_);
    if (end == text_.npos) fail("a line", "the end");
    auto bytes = take(end - at_);
    ++at_;
    return std::string(bytes);
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
          fmt::format("byte {}", start_),
          fmt::format("expected tensors, dicts, lists, tuples, numbers and strings, got a pickle "
                      "that asks for {}. Nothing of it was run. Save a state_dict().",
                      quoted)};
    }
    push(PickleGlobal{std::move(full)});
  }
  // Beyond int64 as text.
  PickleValue long_integer(uint32_t size) {
    auto bytes = take(size);
    if (bytes.size() > sizeof(int64_t)) {
      if (bytes.size() > kLongestInteger)
        throw FileUnsupported{fmt::format("byte {}", start_),
                              fmt::format("expected integers of at most {} bytes, got one of {}.",
                                          kLongestInteger, bytes.size())};
      return decimal_of(bytes);
    }
    int64_t value = !bytes.empty() && (bytes.back() & 0x80) != 0 ? -1 : 0;
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  PickleValue integer_line() {
    auto text = line();
    if (!text.empty() && text.back() == 'L') text.pop_back();
    int64_t value = 0;
    const char* end = text.data() + text.size();
    auto [stop, error] = std::from_chars(text.data(), end, value);
    auto digits = std::string_view(text).substr(text.starts_with('-') ? 1 : 0);
    bool is_number = !digits.empty() && digits.find_first_not_of("0123456789") == digits.npos;
    if (!is_number || digits.size() > 3 * kLongestInteger) fail("an integer's digits", "others");
    if (error == std::errc()) return value;
    return text;
  }
  PickleValue int_line() {
    auto rest = text_.substr(at_);
    bool is_true = rest.starts_with("01\n");
    if (!is_true && !rest.starts_with("00\n")) return integer_line();
    line();
    return is_true;
  }
  double float_line() {
    auto text = line();
    double value = 0;
    const char* end = text.data() + text.size();
    auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stop != end) fail("a float's digits", "others");
    return value;
  }
  uint32_t key_line() {
    auto text = line();
    uint32_t value = 0;
    const char* end = text.data() + text.size();
    auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stop != end) fail("a number of the memo", "something else");
    return value;
  }
  std::string escaped_line() {
    auto text = python_text(line());
    if (!text) fail("a text with Python's escapes", "something else");
    return *text;
  }
  PickleValue quoted_line() {
    auto text = line();
    if (text.size() < 2 || text.front() != text.back() ||
        (text.front() != '\'' && text.front() != '"'))
      fail("a text in quotes", "something else");
    auto inner = std::string_view(text).substr(1, text.size() - 2);
    if (inner.find('\\') != inner.npos) fail("a text without escapes", "one with some");
    return old_text(inner);
  }
  // Python 2's str: a text or bytes.
  static PickleValue old_text(std::string_view bytes) {
    if (is_utf8(bytes)) return std::string(bytes);
    return PickleBytes{std::string(bytes)};
  }
  std::string text(uint64_t size) {
    std::string result(take(size));
    if (!is_utf8(result)) fail("a text in UTF-8", "other bytes");
    return result;
  }
  double big_endian_double() {
    uint64_t bits = 0;
    for (unsigned char byte : take(sizeof bits)) bits = bits << 8U | byte;
    return std::bit_cast<double>(bits);
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
    start_ = at_;
    auto code = number<uint8_t>();
    switch (code) {
      case kProto:
        if (auto version = number<uint8_t>(); version > 5)
          fail("a pickle's version, up to 5", std::to_string(version));
        break;
      case kFrame:
        number<uint64_t>();
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
        push(int64_t{number<uint8_t>()});
        break;
      case kInt2:
        push(int64_t{number<uint16_t>()});
        break;
      case kInt4:
        push(int64_t{number<int32_t>()});
        break;
      case kLong1:
        push(long_integer(number<uint8_t>()));
        break;
      case kLong4:
        push(long_integer(number<uint32_t>()));
        break;
      case kIntLine:
        push(int_line());
        break;
      case kLongLine:
        push(integer_line());
        break;
      case kFloatLine:
        push(float_line());
        break;
      case kTextLine:
        push(escaped_line());
        break;
      case kOldText1:
        push(old_text(take(number<uint8_t>())));
        break;
      case kOldText4:
        push(old_text(take(number<uint32_t>())));
        break;
      case kOldTextLine:
        push(quoted_line());
        break;
      case kBytes1:
        push(PickleBytes{std::string(take(number<uint8_t>()))});
        break;
      case kBytes4:
        push(PickleBytes{std::string(take(number<uint32_t>()))});
        break;
      case kBytes8:
      case kByteArray8:
        push(PickleBytes{std::string(take(number<uint64_t>()))});
        break;
      case kFloat:
        push(big_endian_double());
        break;
      case kText1:
        push(text(number<uint8_t>()));
        break;
      case kText4:
        push(text(number<uint32_t>()));
        break;
      case kText8:
        push(text(number<uint64_t>()));
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
        put(key_line());
        break;
      case kPut1:
        put(number<uint8_t>());
        break;
      case kPut4:
        put(number<uint32_t>());
        break;
      case kMemoize:
        put(static_cast<uint32_t>(memo_.size()));
        break;
      case kGetLine:
        get(key_line());
        break;
      case kGet1:
        get(number<uint8_t>());
        break;
      case kGet4:
        get(number<uint32_t>());
        break;
      case kGlobal: {
        auto module = line();
        global(module, line());
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
            fmt::format("byte {}", start_),
            fmt::format("expected tensors, dicts, lists, tuples, numbers and strings, got a pickle "
                        "with the instruction {:#04x}. Save a state_dict().",
                        code)};
    }
    return true;
  }

  std::string_view text_;
  const Pickle::Visitor& visitor_;
  Pickle& pickle_;
  size_t at_ = 0, start_ = 0, copied_ = 0;
  std::vector<PickleId> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, PickleId> memo_;
};

Pickle::Pickle(std::string_view text, const Visitor& visitor) {
  PickleMachine(text, visitor, *this).run();
}

}  // namespace luxtorch::io
