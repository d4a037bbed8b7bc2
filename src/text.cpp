#include "text.h"

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>
#include <fmt/format.h>

namespace luxtorch {

std::string shape_text(ShapeView shape) {
  std::string s = "(";
  for (size_t i = 0; i < shape.size(); ++i) s += (i ? ", " : "") + std::to_string(shape[i]);
  return s + (shape.size() == 1 ? ",)" : ")");
}

std::string path_below(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

std::string dtype_text(Dtype dtype) {
  switch (dtype) {
    case Dtype::Bool:
      return "bool";
    case Dtype::Byte:
      return "uint8";
    case Dtype::Char:
      return "int8";
    case Dtype::Short:
      return "int16";
    case Dtype::Int:
      return "int32";
    case Dtype::Long:
      return "int64";
    case Dtype::UInt16:
      return "uint16";
    case Dtype::UInt32:
      return "uint32";
    case Dtype::UInt64:
      return "uint64";
    case Dtype::Half:
      return "float16";
    case Dtype::BFloat16:
      return "bfloat16";
    case Dtype::Float:
      return "float32";
    case Dtype::Double:
      return "float64";
    case Dtype::ComplexFloat:
      return "complex64";
    case Dtype::ComplexDouble:
      return "complex128";
    default:
      return c10::toString(dtype);
  }
}

std::string describe_kind(const Tree& t) {
  if (t.is_none()) return "nothing";
  if (t.is_tensor()) {
    if (!t.tensor().defined()) return "an undefined tensor";
    auto type = dtype_text(t.tensor().scalar_type());
    return (type.front() == 'i' ? "an " : "a ") + type + " tensor of shape " +
           shape_text(t.tensor().sizes());
  }
  if (t.is<bool>()) return t.scalar<bool>() ? "the bool true" : "the bool false";
  if (t.is<int64_t>()) return "the int64 " + std::to_string(t.scalar<int64_t>());
  if (t.is<double>()) return "the double " + number_text(t.scalar<double>());
  if (t.is_rng()) return "an rng";
  if (t.is_string()) {
    auto text = t.scalar<std::string>();
    constexpr size_t kShown = 60;
    if (text.size() > kShown) text.replace(kShown, text.npos, "...");
    return "the string \"" + text + "\"";
  }
  if (t.is_tuple()) return "a tuple of " + std::to_string(t.size());
  if (t.size() == 0) return "an empty named tree";
  std::string keys;
  for (const auto& item : t.items()) {
    if (keys.size() > 80) {
      keys += ", ...";
      break;
    }
    keys += (keys.empty() ? "" : ", ") + item.first;
  }
  return "a named tree with the keys " + keys;
}

std::string number_text(double x) {
  auto text = fmt::format("{}", x);
  bool looks_integral = text.find_first_not_of("-0123456789") == text.npos;
  return looks_integral ? text + ".0" : text;
}

std::string grouped(int64_t n) {
  auto digits = std::to_string(n < 0 ? -n : n);
  for (auto i = static_cast<int64_t>(digits.size()) - 3; i > 0; i -= 3)
    digits.insert(static_cast<size_t>(i), "_");
  if (n < 0) digits.insert(0, 1, '-');
  return digits;
}

}  // namespace luxtorch
