#include "io/torch/pickle.h"

#include <fmt/format.h>

#include "io/base/fault.h"
#include "io/torch/pickle_codes.h"
#include "io/torch/pickle_machine.h"

namespace luxtorch::io {

using namespace pickle;

std::string_view describe(const PickleValue& value) {
  constexpr std::string_view kNames[] = {"None",     "a bool", "an int",     "a float",
                                         "a str",    "a name", "a sequence", "a dict",
                                         "a tensor", "bytes",  "an object"};
  static_assert(std::size(kNames) == std::variant_size_v<PickleValue>);
  return kNames[value.index()];
}

bool PickleMachine::step() {
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
    case kGlobal:
      global_line();
      break;
    case kStackGlobal: {
      auto ids = pop(2);
      global(as<std::string>(ids[0], "a module's name"), as<std::string>(ids[1], "a name"));
      break;
    }
    case kDuplicate:
      duplicate();
      break;
    case kNewObject:
    case kReduce:
      call_with_tuple();
      break;
    case kNewObjectNamed:
      if (!as<PickleDict>(pop(), "a dict of arguments by their names").items.empty() &&
          !visitor_.makes_objects)
        throw Fault::unsupported(input_.place(),
                                 "expected calls without arguments by their names, "
                                 "got one with some. Save a state_dict().");
      call_with_tuple();
      break;
    case kObject: {
      auto ids = pop_to_mark();
      if (ids.empty()) fail("a class", "none");
      call(ids[0], {ids.begin() + 1, ids.end()});
      break;
    }
    case kInstance: {
      global_line();
      auto function = pop();
      call(function, pop_to_mark());
      break;
    }
    case kBuild:
      build();
      break;
    case kPersistent:
      push(visitor_.persistent(pickle_, pop()));
      break;
    case kPersistentLine:
      push(input_.line());
      push(visitor_.persistent(pickle_, pop()));
      break;
    case kStop:
      pickle_.root_ = pop();
      pickle_.size_ = input_.read();
      if (!stack_.empty() || !marks_.empty()) fail("one value at the end", "more");
      return false;
    default:
      throw Fault::unsupported(
          input_.place(),
          fmt::format("expected tensors, dicts, lists, tuples, numbers and strings, got a pickle "
                      "with the instruction {:#04x}. Save a state_dict().",
                      code));
  }
  return true;
}

Pickle::Pickle(std::string_view text, const Visitor& visitor) {
  PickleMachine(text, visitor, *this).run();
}

}  // namespace luxtorch::io
