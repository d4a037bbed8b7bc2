#include "io/jld2/write_type.h"

#include <c10/core/Layout.h>

#include <algorithm>

#include "io/base/fault.h"
#include "io/base/flat_names.h"
#include "luxtorch/core/error.h"
#include "text.h"
#include "utf8.h"

namespace luxtorch::jld2 {
namespace {

constexpr int kDeepestType = 100;
constexpr size_t kLargestInline = 1024;  // JLD2's MAX_INLINE_SIZE

[[noreturn]] void cannot_hold(const std::string& path, const std::string& expected,
                              const std::string& got, const std::string& advice) {
  UnsupportedError error("jld2::save", "expected " + expected + ", got " + got + ". " + advice);
  error.prepend_path_(path);
  throw error;
}

// Julia's Symbols are UTF-8, and so are the names in an HDF5 file.
void check_key(const std::string& path, const std::string& key) {
  if (key.find('\0') != std::string::npos || !detail::is_utf8(key))
    cannot_hold(path, "keys of UTF-8 text without NUL", "another key", "Rename it.");
}

void check_tensor(const std::string& path, const Tensor& tensor) {
  if (!tensor.defined())
    cannot_hold(path, "a tensor", "an undefined one", "Use Tree() for nothing.");
  if (tensor.layout() != c10::kStrided || tensor.is_quantized() || tensor.is_meta())
    cannot_hold(path, "a dense tensor with data", "a sparse, quantized or meta tensor",
                "Make it dense.");
  Dtype dtype = tensor.scalar_type();
  Dtype real = real_part_of(dtype);
  if (julia_number(real == Dtype::Undefined ? dtype : real).empty())
    cannot_hold(path, "a dtype that Julia has", c10::toString(dtype),
                "Convert it, for example to float32.");
}

}  // namespace

bool WriteType::is_inline() const {
  switch (kind) {
    case Kind::kNumber:
    case Kind::kString:
      return true;
    case Kind::kNamedTuple:
    case Kind::kTuple:
      return size <= kLargestInline;
    default:
      return false;
  }
}

std::string julia_number(Dtype dtype) {
  switch (dtype) {
    case Dtype::Half:
      return "Core.Float16";
    case Dtype::Float:
      return "Core.Float32";
    case Dtype::Double:
      return "Core.Float64";
    case Dtype::Bool:
      return "Core.Bool";
    case Dtype::Char:
      return "Core.Int8";
    case Dtype::Short:
      return "Core.Int16";
    case Dtype::Int:
      return "Core.Int32";
    case Dtype::Long:
      return "Core.Int64";
    case Dtype::Byte:
      return "Core.UInt8";
    case Dtype::UInt16:
      return "Core.UInt16";
    case Dtype::UInt32:
      return "Core.UInt32";
    case Dtype::UInt64:
      return "Core.UInt64";
    default:
      return "";
  }
}

Dtype real_part_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::ComplexHalf:
      return Dtype::Half;
    case Dtype::ComplexFloat:
      return Dtype::Float;
    case Dtype::ComplexDouble:
      return Dtype::Double;
    default:
      return Dtype::Undefined;
  }
}

std::vector<std::string> WriteTypes::names_of(const std::string& path, const Tree& t) {
  for (const auto& [key, part] : t.items()) check_key(path.empty() ? key : path, key);
  try {
    return io::names_of_keys(t.items(), io::EmptyNames::kNever);
  } catch (const io::Fault& fault) {
    UnsupportedError error("jld2::save", fault.message);
    error.prepend_path_(path_below(path, fault.place));
    throw error;
  }
}

WriteTypePtr WriteTypes::of(const std::string& key, const Tree& value) {
  return find(key, key, value, 1);
}

WriteTypePtr WriteTypes::find(const std::string& path, const std::string& key, const Tree& value,
                              int depth) {
  using Kind = WriteType::Kind;
  if (depth > kDeepestType)
    cannot_hold("", "at most " + std::to_string(kDeepestType) + " levels", "more",
                "Flatten the tree.");
  if (value.is_none()) return intern("nothing", {.kind = Kind::kNothing, .has_data = false});
  if (value.is<bool>()) {
    bool truth = value.scalar<bool>();
    if (key == "training")
      return intern(truth ? "val true" : "val false",
                    {.kind = Kind::kVal, .val = truth, .has_data = false});
    return intern("bool", {.kind = Kind::kNumber, .dtype = Dtype::Bool, .size = 1});
  }
  if (value.is<int64_t>())
    return intern("int64",
                  {.kind = Kind::kNumber, .dtype = Dtype::Long, .size = 8, .alignment = 8});
  if (value.is<double>())
    return intern("double",
                  {.kind = Kind::kNumber, .dtype = Dtype::Double, .size = 8, .alignment = 8});
  if (value.is_string()) {
    if (value.scalar<std::string>().find('\0') != std::string::npos)
      cannot_hold(path, "text without NUL", "a string with one", "Use a uint8 tensor for bytes.");
    return intern("string", {.kind = Kind::kString, .size = 8, .alignment = 8});
  }
  if (value.is_rng()) return intern("rng", {.kind = Kind::kXoshiro, .size = 8, .alignment = 8});
  if (value.is_tensor()) {
    check_tensor(path, value.tensor());
    Dtype dtype = value.tensor().scalar_type();
    return intern(
        std::string("array ") + c10::toString(dtype) + std::to_string(value.tensor().dim()),
        {.kind = Kind::kArray,
         .dtype = dtype,
         .rank = value.tensor().dim(),
         .size = 8,
         .alignment = 8});
  }
  WriteType type{.kind = value.is_tuple() ? Kind::kTuple : Kind::kNamedTuple};
  if (value.is_tuple()) {
    for (size_t i = 0; i < value.size(); ++i) {
      type.names.push_back(std::to_string(i + 1));
      type.fields.push_back(find(path_below(path, std::to_string(i)), "", value[i], depth + 1));
    }
  } else {
    type.names = names_of(path, value);
    for (const auto& [key, part] : value.items())
      type.fields.push_back(find(path_below(path, key), key, part, depth + 1));
  }
  return composite(std::move(type));
}

// Size and alignment as Julia lays the fields out; identity from names and field types.
WriteTypePtr WriteTypes::composite(WriteType type) {
  std::string identity = "tuple";
  if (type.kind == WriteType::Kind::kNamedTuple) {
    identity = "named";
    WriteType fields{.kind = WriteType::Kind::kTuple, .fields = type.fields};
    for (size_t i = 0; i < type.fields.size(); ++i) fields.names.push_back(std::to_string(i + 1));
    type.as_tuple = composite(std::move(fields));
  }
  type.has_data = false;
  for (size_t i = 0; i < type.fields.size(); ++i) {
    const WriteType& field = *type.fields[i];
    identity += '\0' + type.names[i] + '\0' +
                std::to_string(reinterpret_cast<uintptr_t>(type.fields[i].get()));
    if (!field.has_data) continue;
    type.has_data = true;
    type.size = (type.size + field.alignment - 1) / field.alignment * field.alignment + field.size;
    type.alignment = std::max(type.alignment, field.alignment);
  }
  type.size = (type.size + type.alignment - 1) / type.alignment * type.alignment;
  return intern(std::move(identity), std::move(type));
}

WriteTypePtr WriteTypes::intern(std::string identity, WriteType type) {
  WriteTypePtr& known = types_[std::move(identity)];
  if (known == nullptr) known = std::make_shared<const WriteType>(std::move(type));
  return known;
}

}  // namespace luxtorch::jld2
