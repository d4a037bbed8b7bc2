// Single values: scalars, strings, NamedTuples, Tuples, and the fields of other types.
#include <algorithm>
#include <cstdio>
#include <optional>

#include "io/base/fault.h"
#include "io/jld2/reader.h"
#include "io/jld2/rng_words.h"
#include "io/jld2/tensor_bytes.h"
#include "luxtorch/core/error.h"

namespace luxtorch::jld2 {
namespace {

using hdf5::Bytes;
using hdf5::Datatype;
using io::damaged;
using Kind = Datatype::Kind;

Tree integer(const Datatype& type, Bytes bytes) {
  uint8_t reversed[16];
  if (type.is_big_endian) {
    Bytes number = bytes.sub(0, type.size);
    std::reverse_copy(number.data(), number.data() + number.size(), reversed);
    Datatype little = type;
    little.is_big_endian = false;
    return integer(little, Bytes(reversed, type.size));
  }
  hdf5::Cursor in(bytes);
  uint64_t low = in.sized(std::min(type.size, 8U));
  if (type.bits != 0) low = whole_integer(type, low);
  if (type.size < 8 && type.is_signed) {
    unsigned shift = 64 - 8 * type.size;
    return static_cast<int64_t>(low << shift) >> shift;
  }
  if (type.size == 16) {
    uint64_t high = in.u64();
    bool fits = type.is_signed ? high == (static_cast<int64_t>(low) < 0 ? UINT64_MAX : 0)
                               : high == 0 && low <= INT64_MAX;
    if (!fits) {
      char digits[33];
      std::snprintf(digits, sizeof digits, "%016llx%016llx", static_cast<unsigned long long>(high),
                    static_cast<unsigned long long>(low));
      return std::string("0x") + digits;
    }
  } else if (!type.is_signed && low > INT64_MAX) {
    return scalar_tensor(type, bytes);
  }
  return static_cast<int64_t>(low);
}

// Julia keeps a Char as its UTF-8 bytes, the first one highest.
std::string character(Bytes bytes) {
  std::string text;
  for (uint64_t i = bytes.size(); i-- > 0;)
    if (bytes.data()[i] != 0) text += static_cast<char>(bytes.data()[i]);
  return text;
}

std::string fixed_string(const Datatype& type, Bytes bytes, bool is_plain) {
  std::string text = bytes.text();
  if (type.padding == '\0') text.resize(std::min(text.size(), text.find('\0')));
  bool has_end = type.padding == 'n' || (is_plain && type.padding == 'x');
  if (has_end) text.resize(text.find_last_not_of('\0') + 1);
  if (type.padding == ' ') text.resize(text.find_last_not_of(' ') + 1);
  return text;
}

std::string number_name(const Datatype& type) {
  std::string kind = type.kind == Kind::kFloat ? "Float" : type.is_signed ? "Int" : "UInt";
  return kind + std::to_string(8 * type.size);
}

std::string hex(Bytes bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "0x";
  for (uint64_t i = bytes.size(); i-- > 0;) {
    text += kDigits[bytes.data()[i] >> 4U];
    text += kDigits[bytes.data()[i] & 15U];
  }
  return text;
}

bool holds_no_data(const JuliaType& type) {
  constexpr std::string_view kWithData[] = {
      "Core.Float16", "Core.Float32", "Core.Float64", "Core.Bool",   "Core.Int8",
      "Core.Int16",   "Core.Int32",   "Core.Int64",   "Core.UInt8",  "Core.UInt16",
      "Core.UInt32",  "Core.UInt64",  "Core.String",  "Core.Symbol", "Core.Array"};
  return std::find(std::begin(kWithData), std::end(kWithData), type.name) == std::end(kWithData);
}

}  // namespace

Tree Reader::element(const Format& format, Bytes bytes) {
  try {
    return value(format, bytes);
  } catch (io::Fault& fault) {
    if (fault.place.empty() && fault.type.empty() && format.type != nullptr)
      fault.type = text(*format.type);
    throw;
  }
}

Tree Reader::value(const Format& format, Bytes bytes) {
  Deeper deeper(*this);
  const Datatype& type = format.datatype;
  if (is_plain() && complex_dtype(type)) return counted(scalar_tensor(type, bytes));
  if (format.committed != nullptr && format.committed->written_as != nullptr)
    return written_as(format, bytes);
  switch (type.kind) {
    case Kind::kInteger:
      if (type.size != 8 || !type.is_signed) changes(number_name(type));
      return counted(integer(type, bytes));
    case Kind::kFloat:
      if (type.size != 8) changes(number_name(type));
      return counted(real_number(type, bytes));
    case Kind::kBool:
      if (is_training()) changes("Bool");  // where save writes a Val
      if (bytes.get<uint8_t>(0) > 1) return counted(static_cast<int64_t>(bytes.get<uint8_t>(0)));
      return counted(bytes.get<uint8_t>(0) != 0);
    case Kind::kFixedString:
      return counted(fixed_string(type, bytes, is_plain()));
    case Kind::kVlenString:
      if (format.type != nullptr && !format.type->is("String")) changes(text(*format.type));
      return counted(heap_bytes(bytes).text());
    case Kind::kVlen:
      return vlen(format, bytes);
    case Kind::kReference:
      return object(bytes.get<uint64_t>(0));
    case Kind::kCompound:
      return compound(format, bytes);
    case Kind::kArray:
      return packed(format, bytes, {});
    case Kind::kOpaque:
      break;
  }
  if (is_plain()) return counted(tensor_from(Dtype::Byte, {type.size}, bytes));
  if (format.committed != nullptr && format.committed->empty) return empty_value(format.type);
  if (format.type != nullptr && format.type->is("Char")) {
    changes("Char");
    return counted(character(bytes));
  }
  return foreign_tree(format.type ? text(*format.type) : "opaque", {{"bytes", hex(bytes)}});
}

Bytes Reader::heap_bytes(Bytes slot) {
  auto address = slot.get<uint64_t>(4);
  auto index = slot.get<uint32_t>(12);
  if (address == 0 && index == 0) return {};
  return file_.heap_object(address, index);
}

Tree Reader::vlen(const Format& format, Bytes bytes) {
  const Datatype& base = *format.datatype.base;
  Bytes list = heap_bytes(bytes);
  if (base.size == 0) damaged("list elements with a size", "elements of 0 bytes");
  auto dtype = is_plain() ? number_dtype(base) : std::nullopt;
  if (dtype) return counted(numbers(base, *dtype, {list.size() / base.size}, list));
  return elements({base, nullptr, nullptr}, list, list.size() / base.size,
                  {list.size() / base.size});
}

Tree Reader::compound(const Format& format, Bytes bytes) {
  if (format.type == nullptr) {
    JuliaFields plain;
    for (const Datatype::Member& member : format.datatype.members) {
      plain.names.push_back(member.name);
      plain.types.push_back(nullptr);
    }
    return fields(format, plain, bytes);
  }
  const JuliaType& type = *format.type;
  if (is_named_tuple(type) || is_tuple(type)) return fields(format, fields_of(type), bytes);
  if (type.is("Complex") && complex_dtype(format.datatype)) {
    changes(text(type));
    return counted(scalar_tensor(format.datatype, bytes));
  }
  if (type.is("DataType")) return foreign_tree(type.name, {{"value", text(*type_record(bytes))}});
  if (type.name == "JLD2.InlineUnionEl" && type.parameters.size() == 2)
    return union_element(format, bytes);
  Mark before = noted();
  Tree parts = foreign(format, bytes);
  if (!is_generator(type.name)) return parts;
  rename_noted(before, [](const std::string&) { return std::nullopt; });
  Rng rng = rng_from(parts);
  if (!is_marked(parts, rng)) changes(text(type));
  return counted(rng);
}

// NamedTuples and Tuples: names and types come from the Julia type. Fields without data (nothing,
// Val, empty NamedTuples) have no member.
Tree Reader::fields(const Format& format, const JuliaFields& fields, Bytes bytes) {
  const auto& members = format.datatype.members;
  bool positional = format.type != nullptr && is_tuple(*format.type);
  std::vector<Tree::Item> items;
  size_t next = 0;  // members come in the order of the fields
  for (size_t i = 0; i < fields.names.size(); ++i) {
    const std::string& name = fields.names[i];
    std::string label = positional ? std::to_string(i) : name;
    bool present = next < members.size() && members[next].name == name;
    Tree value = at_path(label, [&] {
      if (present) return member(format, members[next], fields.types[i], bytes, false);
      if (fields.types[i] == nullptr || !holds_no_data(*fields.types[i]))
        damaged("data for field " + name, "none");
      return empty_value(fields.types[i]);
    });
    next += present ? 1 : 0;
    items.emplace_back(name, std::move(value));
  }
  if (!positional) return counted(named_from_file(std::move(items)));
  std::vector<Tree> elements;
  for (auto& [name, value] : items) elements.push_back(std::move(value));
  return counted(tuple(std::move(elements)));
}

Tree Reader::member(const Format& format, const Datatype::Member& member, JuliaTypePtr type,
                    Bytes bytes, bool may_be_undefined) {
  Bytes part = bytes.sub(member.offset, member.type->size);
  if (member.type->kind == Kind::kReference && part.get<uint64_t>(0) == 0) {
    if (may_be_undefined) return counted(Tree());
    damaged("a value", "an undefined reference");
  }
  const Committed* stored = nullptr;
  if (format.committed != nullptr) {
    auto found = format.committed->member_types.find(member.name);
    if (found != format.committed->member_types.end()) stored = &committed(found->second);
  }
  if (stored != nullptr && stored->datatype->size != member.type->size)
    damaged("a member of " + std::to_string(stored->datatype->size) + " bytes",
            std::to_string(member.type->size));
  if (stored != nullptr) return element({*stored->datatype, stored->type, stored}, part);
  bool is_plain = member.type->kind == Kind::kReference;  // the object itself says what it is
  return element({*member.type, is_plain ? nullptr : std::move(type), nullptr}, part);
}

}  // namespace luxtorch::jld2
