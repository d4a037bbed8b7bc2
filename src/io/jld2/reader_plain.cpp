// What plain HDF5 files have of their own: the marks of hdf5::save, and MATLAB's.
#include <algorithm>

#include "io/base/fault.h"
#include "io/hdf5/marks.h"
#include "io/jld2/reader.h"
#include "io/jld2/tensor_bytes.h"

namespace luxtorch::jld2 {

using hdf5::Dataspace;
using Kind = hdf5::Datatype::Kind;

Tree Reader::plain_group(const hdf5::Object& object, uint64_t address) {
  Deeper deeper(*this);
  std::vector<hdf5::Link> links = object.links;
  if (!object.keeps_order) std::ranges::sort(links, {}, &hdf5::Link::name);
  std::vector<Tree::Item> items;
  for (const auto& link : links)
    if (auto value = linked(address, link)) items.emplace_back(link.name, std::move(*value));
  return counted(hdf5::tree_of_group(std::move(items), text_attribute(object, hdf5::kMark)));
}

Tree Reader::plain_dataset(const hdf5::Object& object) {
  Format format{format_of(*object.type).datatype, nullptr, nullptr};
  std::string mark = text_attribute(object, hdf5::kMark);
  if (object.space.kind == Dataspace::Kind::kNull)
    return counted(mark.empty() ? Tree() : hdf5::marked_leaf(mark, Tensor()));
  if (object.space.kind == Dataspace::Kind::kScalar) {
    hdf5::RawData raw = read_elements(file_, object, {}, format.datatype.size);
    if (mark.empty()) return element(format, raw.bytes);
    bool is_number = number_dtype(format.datatype).has_value();
    return counted(
        hdf5::marked_leaf(mark, is_number ? scalar_tensor(format.datatype, raw.bytes) : Tensor()));
  }
  Tree plain = array(object, format, object.space.dims);
  if (!mark.empty()) return hdf5::marked_leaf(mark, plain.is_tensor() ? plain.tensor() : Tensor());
  bool is_empty = std::ranges::any_of(object.attributes, [](const hdf5::Attribute& attribute) {
    return attribute.name == hdf5::kMatlabEmpty;
  });
  return hdf5::matlab_value(text_attribute(object, hdf5::kMatlabClass), is_empty, plain);
}

std::string Reader::text_attribute(const hdf5::Object& object, std::string_view name) {
  const hdf5::Attribute* attribute = object.attribute(name);
  if (attribute == nullptr || attribute->type.inline_type == nullptr) return "";
  std::string text;
  if (attribute->type.inline_type->kind == Kind::kFixedString)
    text = attribute->data.sub(0, attribute->type.inline_type->size).text();
  else if (attribute->type.inline_type->kind == Kind::kVlenString)
    text = heap_bytes(attribute->data).text();
  return text.substr(0, text.find('\0'));
}

}  // namespace luxtorch::jld2
