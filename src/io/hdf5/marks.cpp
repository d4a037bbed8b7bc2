#include "io/hdf5/marks.h"

#include <ATen/ops/empty.h>
#include <c10/core/TensorOptions.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>

#include "io/base/dense_bytes.h"
#include "io/base/fault.h"
#include "io/base/flat_names.h"
#include "io/hdf5/bytes.h"
#include "luxtorch/core/error.h"

namespace luxtorch::hdf5 {
namespace {

Tree tuple_of(std::vector<Tree::Item> parts) {
  std::vector<std::optional<Tree>> places(parts.size());
  for (auto& [name, part] : parts) {
    size_t place = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), place);
    bool is_number = error == std::errc() && end == name.data() + name.size();
    if (!is_number || place >= places.size() || places[place])
      io::damaged("a tuple's members 0 to " + std::to_string(places.size() - 1), name);
    places[place] = std::move(part);
  }
  std::vector<Tree> elements;
  for (auto& place : places) elements.push_back(std::move(*place));
  return tuple(std::move(elements));
}

// Half of a pair alone is U+FFFD.
std::string utf8(std::span<const uint16_t> utf16) {
  std::string text;
  auto put = [&](unsigned lead, uint32_t code, int more) {
    text += static_cast<char>(lead | code >> (6 * more));
    while (more-- > 0) text += static_cast<char>(0x80U | (code >> (6 * more) & 0x3fU));
  };
  for (size_t i = 0; i < utf16.size(); ++i) {
    uint32_t code = utf16[i];
    bool is_high = code >= 0xd800 && code < 0xdc00;
    if (is_high && i + 1 < utf16.size() && (utf16[i + 1] & 0xfc00U) == 0xdc00)
      code = 0x10000 + ((code & 0x3ffU) << 10U) + (utf16[++i] & 0x3ffU);
    else if (code >= 0xd800 && code < 0xe000)
      code = 0xfffd;
    if (code < 0x80)
      put(0, code, 0);
    else if (code < 0x800)
      put(0xc0, code, 1);
    else if (code < 0x10000)
      put(0xe0, code, 2);
    else
      put(0xf0, code, 3);
  }
  return text;
}

// Classes of MATLAB's numbers; double for all others.
Dtype matlab_dtype(std::string_view matlab_class) {
  constexpr std::pair<std::string_view, Dtype> kClasses[] = {
      {"single", Dtype::Float}, {"logical", Dtype::Bool},  {"int8", Dtype::Char},
      {"int16", Dtype::Short},  {"int32", Dtype::Int},     {"int64", Dtype::Long},
      {"uint8", Dtype::Byte},   {"uint16", Dtype::UInt16}, {"uint32", Dtype::UInt32},
      {"uint64", Dtype::UInt64}};
  for (const auto& [name, dtype] : kClasses)
    if (name == matlab_class) return dtype;
  return Dtype::Double;
}

// Dimensions stand in the place of an empty array's elements.
Tensor empty_array(const Tensor& dims, std::string_view matlab_class) {
  Tensor sizes = dims.to(Dtype::Long).reshape({-1});
  std::vector<int64_t> shape;
  for (int64_t i = 0; i < std::min<int64_t>(sizes.numel(), 32); ++i)
    shape.insert(shape.begin(), sizes[i].item<int64_t>());  // MATLAB's first is HDF5's last
  double claimed = 1;                                       // torch counts sizes of 0 as 1
  for (int64_t size : shape) claimed *= static_cast<double>(std::max<int64_t>(size, 1));
  bool has_zero = std::ranges::find(shape, 0) != shape.end();
  bool has_negative = std::ranges::any_of(shape, [](int64_t size) { return size < 0; });
  if (!has_zero || has_negative || claimed > 1e12)
    io::damaged("the shape of an empty array", "another one");
  return at::empty(shape, at::TensorOptions(matlab_dtype(matlab_class)));
}

}  // namespace

Tree tree_of_group(std::vector<Tree::Item> parts, std::string_view mark) {
  if (mark == kTuple) return tuple_of(std::move(parts));
  if (mark == kValue && parts.size() == 1 && parts[0].first == kValue) return parts[0].second;
  if (!mark.empty()) io::unsupported("a group's mark that this version knows", std::string(mark));
  bool nests = std::ranges::any_of(
      parts, [](const auto& part) { return part.first.find_first_of(".%") != std::string::npos; });
  try {
    return nests ? io::nest_names(parts, io::EmptyNames::kNever) : named(std::move(parts));
  } catch (const io::Fault& fault) {
    io::unsupported("names that make a tree when nested on their dots", fault.message);
  } catch (const TreeError& error) {
    io::unsupported("names that a tree can hold", error.message());
  }
}

Tree marked_leaf(std::string_view mark, const Tensor& plain) {
  bool is_scalar = plain.defined() && plain.dim() == 0;
  if (mark == kTensor && (is_scalar || !plain.defined())) return plain;
  if (mark == kRng && is_scalar && plain.scalar_type() == Dtype::UInt64)
    return Rng(*static_cast<const uint64_t*>(plain.const_data_ptr()));
  if (mark == kBytes && plain.defined() && plain.scalar_type() == Dtype::Byte && plain.dim() == 1)
    return io::bytes_of(plain);
  io::unsupported("a dataset's mark that this version knows", std::string(mark));
}

Tree matlab_value(std::string_view matlab_class, bool is_empty, const Tree& plain) {
  if (matlab_class.empty() || !plain.is_tensor()) return plain;
  const Tensor& t = plain.tensor();
  if (is_empty && matlab_class == "char") return "";
  // A struct without fields may have elements, of which the file has nothing.
  if (is_empty && matlab_class == "struct") return named({});
  if (is_empty && matlab_class == "cell") return tuple({});
  bool is_number = matlab_class == "double" || matlab_dtype(matlab_class) != Dtype::Double;
  if (is_empty && !is_number) return plain;
  if (is_empty) return empty_array(t, matlab_class);
  if (matlab_class == "logical") return t.ne(0);
  // A matrix of characters has its texts across the file's order.
  bool is_line = std::ranges::count_if(t.sizes(), [](int64_t size) { return size != 1; }) <= 1;
  if (matlab_class != "char" || t.scalar_type() != Dtype::UInt16 || !is_line) return plain;
  return utf8({static_cast<const uint16_t*>(t.const_data_ptr()), static_cast<size_t>(t.numel())});
}

Tree leaf_of(const Tensor& scalar) {
  if (scalar.is_complex()) return scalar;
  at::Scalar value = scalar.item();
  if (value.isBoolean()) return value.toBool();
  if (value.isFloatingPoint()) return value.toDouble();
  if (scalar.scalar_type() != Dtype::UInt64) return value.toLong();
  auto number = *static_cast<const uint64_t*>(scalar.const_data_ptr());
  return number <= INT64_MAX ? Tree(static_cast<int64_t>(number)) : Tree(scalar);
}

Tensor bools_of(const Tensor& bytes) {
  const auto* values = static_cast<const uint8_t*>(bytes.const_data_ptr());
  bool all = std::all_of(values, values + bytes.numel(), [](uint8_t value) { return value <= 1; });
  return all ? bytes.view(Dtype::Bool) : bytes;
}

std::optional<Dtype> dtype_of_opaque(std::string_view name, uint64_t size) {
  constexpr std::pair<std::string_view, Dtype> kNames[] = {
      {"bfloat16", Dtype::BFloat16},
      {"float8_e4m3fn", Dtype::Float8_e4m3fn},
      {"float8_e4m3fnuz", Dtype::Float8_e4m3fnuz},
      {"float8_e5m2", Dtype::Float8_e5m2},
      {"float8_e5m2fnuz", Dtype::Float8_e5m2fnuz}};
  for (const auto& [known, dtype] : kNames)
    if (name == known && size == (dtype == Dtype::BFloat16 ? 2 : 1)) return dtype;
  return {};
}

std::vector<int64_t> torch_sizes(const std::vector<uint64_t>& dims) {
  uint64_t span = 1;  // torch multiplies sizes of 0 as 1
  for (uint64_t dim : dims) span = checked_product(span, std::max<uint64_t>(dim, 1));
  if (span > uint64_t{1} << 58U) io::damaged("an array that memory can hold", "a larger one");
  return {dims.begin(), dims.end()};
}

Tree nested_tuples(std::vector<Tree> elements, const std::vector<uint64_t>& dims) {
  for (size_t d = dims.size(); d-- > 1;) {
    uint64_t width = dims[d];
    uint64_t rows = 1;
    for (size_t i = 0; i < d; ++i) rows = checked_product(rows, dims[i]);
    constexpr uint64_t kMostEmpty = 1 << 16;
    if (rows > elements.size() + kMostEmpty)
      io::unsupported("fewer tuples without elements", std::to_string(rows));
    std::vector<Tree> outer;
    for (uint64_t row = 0; row < rows; ++row) {
      auto begin = elements.begin() + static_cast<int64_t>(row * width);
      outer.push_back(tuple(std::vector<Tree>(begin, begin + static_cast<int64_t>(width))));
    }
    elements = std::move(outer);
  }
  return tuple(std::move(elements));
}

}  // namespace luxtorch::hdf5
