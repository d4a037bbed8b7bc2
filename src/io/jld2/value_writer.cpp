#include "io/jld2/value_writer.h"

#include <cstring>

#include "io/base/memory_order.h"
#include "io/jld2/rng_words.h"

namespace luxtorch::jld2 {
namespace {

using Kind = WriteType::Kind;

constexpr size_t kSmallestDeflated = 4096;  // below, the chunk's index is larger than the gain
constexpr size_t kRun = 8 << 20;            // bytes that are copied and written at a time

// HDF5 counts an array's dimensions from the slowest, Julia from the fastest.
std::vector<hsize_t> slowest_first(std::span<const int64_t> numbers) {
  return {numbers.rbegin(), numbers.rend()};
}

int64_t run_length(const Tensor& tensor) {
  return static_cast<int64_t>(kRun / tensor.element_size());
}

// Gives `part` the elements with the first index fastest, part by part: where they lie, or copied to
// a buffer where they lie in another order. A part is described as for_each_run does.
template <class Part>
void for_each_column_major(const Tensor& tensor, Part part) {
  const auto* data = static_cast<const char*>(tensor.const_data_ptr());
  size_t element = tensor.element_size();
  auto strides = io::column_major(tensor.sizes());
  bool dense = true;
  for (int64_t d = 0; d < tensor.dim(); ++d)
    dense &= tensor.size(d) == 1 || tensor.stride(d) == strides[static_cast<size_t>(d)];
  std::vector<char> buffer;
  io::for_each_run(tensor.sizes(), run_length(tensor),
                   [&](std::span<const int64_t> begin, std::span<const int64_t> sizes) {
                     int64_t offset = 0;
                     size_t bytes = element;
                     for (size_t d = 0; d < sizes.size(); ++d) {
                       offset += begin[d] * tensor.stride(static_cast<int64_t>(d));
                       bytes *= static_cast<size_t>(sizes[d]);
                     }
                     const char* from = data + offset * static_cast<int64_t>(element);
                     if (!dense) {
                       buffer.resize(bytes);
                       io::copy_strided(sizes, element, from, tensor.strides(), buffer.data(),
                                        io::column_major(sizes));
                       from = buffer.data();
                     }
                     part(begin, sizes, std::string_view(from, bytes));
                   });
}

}  // namespace

void ValueWriter::write(const std::string& name, const Tree& value, const WriteType& type) {
  file_.link(name, object(value, type));
}

Handle ValueWriter::object(const Tree& value, const WriteType& type) {
  switch (type.kind) {
    case Kind::kNumber:
      return number(value);
    case Kind::kString:
      return string(value.scalar<std::string>());
    case Kind::kArray:
      return array(value.tensor());
    case Kind::kXoshiro:
      return xoshiro(value.scalar<Rng>(), type);
    default:
      if (!type.has_data) return file_.dataset(committed(type).id, {H5S_NULL});
      return compound(value, type);
  }
}

ValueWriter::Reference ValueWriter::reference(const Tree& value, const WriteType& type) {
  return Hdf5Writer::reference_to(object(value, type));
}

Handle ValueWriter::scalar(const Encoding& type, const void* value) {
  Handle stored = Hdf5Writer::decode(type);
  Handle dataset = file_.dataset(stored, {});
  check(H5Dwrite(dataset, stored, H5S_ALL, H5S_ALL, H5P_DEFAULT, value));
  return dataset;
}

Handle ValueWriter::number(const Tree& value) {
  if (value.is<bool>()) {
    bool truth = value.scalar<bool>();
    return scalar(encode_number(Dtype::Bool), &truth);
  }
  if (value.is<int64_t>()) {
    auto integer = value.scalar<int64_t>();
    return scalar(encode_number(Dtype::Long), &integer);
  }
  auto real = value.scalar<double>();
  return scalar(encode_number(Dtype::Double), &real);
}

Handle ValueWriter::string(const std::string& text) {
  if (!text.empty())
    return scalar(encode_fixed_string(static_cast<uint32_t>(text.size())), text.data());
  const char* nothing = "";  // libhdf5 has no fixed strings of 0 bytes
  return scalar(encode_string(), &nothing);
}

Handle ValueWriter::array(const Tensor& tensor) {
  Tensor host = tensor.detach().cpu().resolve_conj().resolve_neg();
  Space space{H5S_SIMPLE, slowest_first(host.sizes())};
  if (host.dim() == 0) space.dims.push_back(1);

  Dtype real = real_part_of(host.scalar_type());
  bool is_complex = real != Dtype::Undefined;
  Handle memory = Hdf5Writer::decode(is_complex ? committed_complex(real).encoding
                                                : encode_number(host.scalar_type()));
  bool deflate = compress_ && host.nbytes() >= kSmallestDeflated;
  std::vector<hsize_t> chunk;
  if (deflate)
    io::for_each_run(host.sizes(), run_length(host), [&](auto, std::span<const int64_t> sizes) {
      if (chunk.empty()) chunk = slowest_first(sizes);
    });
  Handle dataset =
      file_.dataset(is_complex ? hid_t{committed_complex(real).id} : hid_t{memory}, space, chunk);
  if (host.dim() == 0)  // an HDF5 array has a dimension; this says that Julia's has none
    Hdf5Writer::attribute(dataset, "dimensions", Hdf5Writer::decode(encode_number(Dtype::Long)),
                          {H5S_SIMPLE, {0}});
  uint64_t offset = 0;
  for_each_column_major(host, [&](auto begin, auto sizes, std::string_view bytes) {
    if (!file_.takes_more()) return;
    if (deflate)
      Hdf5Writer::write_chunk(dataset, memory, slowest_first(begin), slowest_first(sizes),
                              bytes.data());
    else
      file_.write_elements(dataset, offset, bytes);
    offset += bytes.size();
  });
  return dataset;
}

Handle ValueWriter::xoshiro(Rng rng, const WriteType& type) {
  const Committed& format = committed(type);
  Handle dataset = file_.dataset(format.id, {});
  auto words = xoshiro_words(rng);
  check(H5Dwrite(dataset, Hdf5Writer::decode(format.encoding), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                 words.data()));
  return dataset;
}

Handle ValueWriter::compound(const Tree& value, const WriteType& type) {
  const Committed& format = committed(type);
  Handle memory_type = Hdf5Writer::decode(format.encoding);
  std::vector<char> memory(H5Tget_size(memory_type));
  fill(memory.data(), memory_type, value, type);
  Handle dataset = file_.dataset(format.id, {});
  check(H5Dwrite(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, memory.data()));
  return dataset;
}

// Writes what the members refer to, then their own bytes.
void ValueWriter::fill(char* memory, hid_t memory_type, const Tree& value, const WriteType& type) {
  bool nested_inline = committed(type).nested_inline;
  unsigned member = 0;
  for (size_t i = 0; i < type.fields.size(); ++i) {
    const WriteType& field = *type.fields[i];
    if (!field.has_data) continue;
    const Tree& part = value.is_tuple() ? value.elements()[i] : value.items()[i].second;
    char* at = memory + H5Tget_member_offset(memory_type, member);
    Handle part_type(H5Tget_member_type(memory_type, member), H5Tclose);
    ++member;
    if (part.is<bool>()) {
      *at = part.scalar<bool>() ? 1 : 0;
    } else if (part.is<int64_t>()) {
      auto integer = part.scalar<int64_t>();
      std::memcpy(at, &integer, sizeof integer);
    } else if (part.is<double>()) {
      auto real = part.scalar<double>();
      std::memcpy(at, &real, sizeof real);
    } else if (part.is_string()) {
      const char* text = texts_.emplace_back(part.scalar<std::string>()).c_str();
      std::memcpy(at, &text, sizeof text);
    } else if (field.is_inline() && nested_inline) {
      fill(at, part_type, part, field);
    } else {
      Reference other = reference(part, field);
      std::memcpy(at, &other, sizeof other);
    }
  }
}

}  // namespace luxtorch::jld2
