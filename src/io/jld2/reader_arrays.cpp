// Datasets: one value or many.
#include <optional>

#include "io/base/fault.h"
#include "io/hdf5/marks.h"
#include "io/jld2/reader.h"
#include "io/jld2/tensor_bytes.h"

namespace luxtorch::jld2 {
namespace {

using hdf5::Bytes;
using hdf5::Dataspace;
using io::damaged;
using Kind = hdf5::Datatype::Kind;

// Julia's size: HDF5 counts dimensions from the slowest.
std::vector<uint64_t> reversed(const std::vector<uint64_t>& dims) {
  return {dims.rbegin(), dims.rend()};
}

// Present on arrays that HDF5 has no shape for: 0-dimensional ones and those without data.
std::optional<std::vector<uint64_t>> dimensions(const hdf5::Object& object) {
  const hdf5::Attribute* attribute = object.attribute("dimensions");
  if (attribute == nullptr) return {};
  std::vector<uint64_t> dims;
  uint64_t count = attribute->space.count();
  if (count > 32) damaged("at most 32 dimensions", std::to_string(count));
  for (uint64_t i = 0; i < count; ++i) {
    dims.push_back(attribute->data.get<uint64_t>(8 * i));
    if (dims.back() > INT64_MAX) damaged("a dimension of at least 0", "a negative one");
  }
  return dims;
}

// JLD2 0.1.12 to 0.3.1 wrote a string as a vector of as many strings as it has bytes, each of them as
// long as the whole, and of all these the first one alone.
bool is_old_string(const hdf5::Object& object, const hdf5::Datatype& type, bool is_jld2) {
  const hdf5::Layout& layout = *object.layout;
  uint64_t stored = layout.kind == hdf5::Layout::Kind::kCompact      ? layout.compact.size()
                    : layout.kind == hdf5::Layout::Kind::kContiguous ? layout.size
                                                                     : 0;
  return type.kind == Kind::kFixedString && object.space.dims == std::vector<uint64_t>{type.size} &&
         stored == type.size && (type.size != 1 || is_jld2);
}

uint64_t product(const std::vector<uint64_t>& dims) {
  uint64_t product = 1;
  for (uint64_t dim : dims) product = hdf5::checked_product(product, dim);
  return product;
}

}  // namespace

Tree Reader::dataset(const hdf5::Object& object) {
  Format format = format_of(*object.type);
  for (const hdf5::Attribute& attribute : object.attributes)
    if (attribute.name != "julia_type" && attribute.name != "dimensions")
      changes("the attribute " + attribute.name);
  auto shape = dimensions(object);
  switch (object.space.kind) {
    case Dataspace::Kind::kNull: {
      if (!shape) return empty_value(format.type);
      uint64_t count = product(*shape);
      count_nodes(count);  // before there are that many
      std::vector<Tree> elements;
      for (uint64_t i = 0; i < count; ++i) elements.push_back(empty_value(format.type));
      return shaped(std::move(elements), format.type, reversed(*shape));
    }
    case Dataspace::Kind::kScalar: {
      hdf5::RawData raw = read_elements(file_, object, {}, format.datatype.size);
      return element(format, raw.bytes);
    }
    default:
      break;
  }
  if (format.committed == nullptr && is_old_string(object, format.datatype, is_jld2_)) {
    if (format.datatype.size == 0) return counted("");
    return element(format, read_elements(file_, object, {}, format.datatype.size).bytes);
  }
  if (shape && product(*shape) != object.space.count())
    damaged(std::to_string(object.space.count()) + " elements", std::to_string(product(*shape)));
  return array(object, format, reversed(shape ? *shape : object.space.dims));
}

Tree Reader::array(const hdf5::Object& object, const Format& format,
                   const std::vector<uint64_t>& size) {
  const auto& dims = object.space.dims;
  if (auto layout = number_layout(object, format);
      layout && (is_plain() ? size : reversed(size)) == dims)
    return counted(read_tensor(file_, object, *layout, !is_plain()));
  hdf5::RawData raw = read_elements(file_, object, object.space.dims, format.datatype.size);
  if (format.datatype.kind == Kind::kReference && !is_plain()) {
    // The elements say themselves what they are; the attribute only names what they all are.
    const hdf5::Attribute* attribute = object.attribute("julia_type");
    JuliaTypePtr eltype = attribute == nullptr ? nullptr : attribute_type(*attribute);
    return elements({format.datatype, eltype, nullptr}, raw.bytes, product(size), size);
  }
  return packed(format, raw.bytes, size);
}

// Of elements that are numbers, arrays of numbers or bytes of no type; none for others.
std::optional<NumberLayout> Reader::number_layout(const hdf5::Object& object,
                                                  const Format& format) {
  if (format.committed != nullptr && format.committed->written_as != nullptr) return {};
  NumberLayout layout{&format.datatype, Dtype::Undefined};
  for (; layout.number->kind == Kind::kArray; layout.number = layout.number->base.get())
    layout.inner.insert(layout.inner.end(), layout.number->dims.begin(), layout.number->dims.end());
  const hdf5::Datatype& type = *layout.number;
  bool is_whole = &type == &format.datatype;
  if (type.kind == Kind::kOpaque && (!is_whole || format.committed == nullptr)) {
    auto named = hdf5::dtype_of_opaque(text_attribute(object, hdf5::kKerasDtype), type.size);
    layout.dtype = is_whole && named ? *named : Dtype::Byte;
    if (!is_whole || !named) layout.inner.push_back(type.size);
    return layout;
  }
  bool complex = is_whole && format.type != nullptr && format.type->is("Complex");
  auto dtype = is_plain() ? number_dtype(type) : complex ? complex_dtype(type) : dtype_of(type);
  if (!dtype) return {};
  layout.dtype = *dtype;
  return layout;
}

// A tensor of numbers that lie side by side.
Tensor Reader::numbers(const hdf5::Datatype& type, Dtype dtype, const std::vector<uint64_t>& size,
                       Bytes bytes) {
  file_.reserve(hdf5::checked_product(product(size), type.size));
  if (!is_plain()) return tensor_from(type, dtype, size, bytes);
  auto sizes = hdf5::torch_sizes(size);  // torch's memory is in HDF5's order
  return tensor_from(type, dtype, {product(size)}, bytes).view(sizes);
}

// Elements that lie side by side.
Tree Reader::packed(const Format& format, Bytes bytes, const std::vector<uint64_t>& size) {
  const hdf5::Datatype& type = format.datatype;
  bool converted = format.committed != nullptr && format.committed->written_as != nullptr;
  if (type.kind == Kind::kArray && !converted) {
    std::vector<uint64_t> all = is_plain() ? size : reversed(type.dims);
    const std::vector<uint64_t>& inner = is_plain() ? type.dims : size;
    all.insert(all.end(), inner.begin(), inner.end());
    if (all.size() > 64) io::unsupported("arrays of at most 64 dimensions", "more");
    return packed({*type.base, nullptr, nullptr}, bytes, all);
  }
  if (type.kind == Kind::kOpaque && format.committed == nullptr) {
    std::vector<uint64_t> all = size;
    all.insert(is_plain() ? all.end() : all.begin(), type.size);
    hdf5::Datatype byte;
    byte.kind = Kind::kInteger;
    byte.size = 1;
    return counted(numbers(byte, Dtype::Byte, all, bytes));
  }
  bool complex = format.type != nullptr && format.type->is("Complex");
  auto dtype = is_plain() ? number_dtype(type) : complex ? complex_dtype(type) : dtype_of(type);
  if (dtype && !converted) return counted(numbers(type, *dtype, size, bytes));
  if (type.size == 0) damaged("elements with a size", "elements of 0 bytes");
  // The file has these bytes, so that it may have so many values.
  most_nodes_ += product(size) * (1 + type.members.size());
  return elements(format, bytes, product(size), size);
}

Tree Reader::elements(const Format& format, Bytes bytes, uint64_t count,
                      const std::vector<uint64_t>& julia_size) {
  std::vector<Tree> elements;
  uint64_t size = format.datatype.size;
  for (uint64_t i = 0; i < count; ++i) {
    Bytes part = bytes.sub(i * size, size);
    bool undefined = format.datatype.kind == Kind::kReference && part.get<uint64_t>(0) == 0;
    elements.push_back(at_path(
        std::to_string(i), [&] { return undefined ? counted(Tree()) : element(format, part); }));
  }
  return shaped(std::move(elements), format.type, julia_size);
}

// A vector is a tuple. A tuple has no shape, so arrays of more dimensions keep theirs beside it.
Tree Reader::shaped(std::vector<Tree> elements, const JuliaTypePtr& type,
                    const std::vector<uint64_t>& julia_size) {
  if (is_plain()) {
    // A dimension of 0 makes tuples without elements, which take memory all the same.
    uint64_t tuples = elements.size(), rows = 1;
    Tree nested = hdf5::nested_tuples(std::move(elements), julia_size);
    for (size_t d = 0; d + 1 < julia_size.size(); ++d) tuples += rows *= julia_size[d];
    count_nodes(tuples);
    return counted(nested);
  }
  changes("Array{" + (type == nullptr ? std::string("Any") : text(*type)) + "}");
  Tree flat = counted(tuple(std::move(elements)));
  if (julia_size.size() == 1) return flat;
  std::vector<Tree> size;
  for (uint64_t dim : julia_size) size.emplace_back(static_cast<int64_t>(dim));
  count_nodes(size.size() + 2);
  std::string name = "Array{" + (type == nullptr ? std::string("Any") : text(*type)) + ", " +
                     std::to_string(julia_size.size()) + "}";
  return counted(named_from_file({{kTypeKey, std::move(name)},
                                  {"size", tuple(std::move(size))},
                                  {"elements", std::move(flat)}}));
}

}  // namespace luxtorch::jld2
