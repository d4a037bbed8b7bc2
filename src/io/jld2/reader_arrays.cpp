// Datasets: one value or many.
#include <optional>

#include "io/hdf5/fault.h"
#include "io/jld2/reader.h"
#include "io/jld2/tensor_bytes.h"
#include "io/plain_hdf5/marks.h"

namespace luxtorch::jld2 {
namespace {

using hdf5::Bytes;
using hdf5::damaged;
using hdf5::Dataspace;
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
  if (shape && product(*shape) != object.space.count())
    damaged(std::to_string(object.space.count()) + " elements", std::to_string(product(*shape)));
  return array(object, format, reversed(shape ? *shape : object.space.dims));
}

Tree Reader::array(const hdf5::Object& object, const Format& format,
                   const std::vector<uint64_t>& size) {
  const hdf5::Datatype& type = format.datatype;
  hdf5::RawData raw = read_elements(file_, object, object.space.dims, type.size);
  bool complex = format.type != nullptr && format.type->is("Complex");
  auto dtype = is_plain() ? number_dtype(type) : complex ? complex_dtype(type) : dtype_of(type);
  bool converted = format.committed != nullptr && format.committed->written_as != nullptr;
  if (dtype && !converted) {
    file_.reserve(raw.bytes.size());
    const hdf5::File* mapped = raw.owned.empty() ? &file_ : nullptr;
    if (!is_plain()) return counted(tensor_from(*dtype, size, raw.bytes, mapped));
    auto sizes = hdf5::torch_sizes(size);  // torch's memory is in HDF5's order
    return counted(tensor_from(*dtype, {product(size)}, raw.bytes, mapped).view(sizes));
  }
  if (type.kind == Kind::kReference) {
    // The elements say themselves what they are; the attribute only names what they all are.
    const hdf5::Attribute* attribute = is_plain() ? nullptr : object.attribute("julia_type");
    JuliaTypePtr eltype = attribute == nullptr ? nullptr : attribute_type(*attribute);
    return elements({type, eltype, nullptr}, raw.bytes, product(size), size);
  }
  if (type.size == 0) damaged("elements with a size", "elements of 0 bytes");
  return elements(format, raw.bytes, product(size), size);
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
