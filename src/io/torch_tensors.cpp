#include "io/torch_tensors.h"

#include <ATen/ops/as_strided.h>
#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "io/torch_dtypes.h"

namespace luxtorch::torch_archive {
namespace {

using io::FileFault;
using io::FileUnsupported;
using io::Pickle;
using io::PickleDict;
using io::PickleGlobal;
using io::PickleId;
using io::PickleMade;
using io::PickleSequence;

const DtypeName* find_dtype(std::string_view name, bool is_storage) {
  if (!name.starts_with(kPrefix)) return nullptr;
  auto found = std::ranges::find(kDtypes, name.substr(kPrefix.size()), &DtypeName::name);
  return found != kDtypes.end() && found->is_storage == is_storage ? &*found : nullptr;
}

Tensor view(const Tensor& bytes, Dtype dtype, int64_t offset, const std::vector<int64_t>& sizes,
            const std::vector<int64_t>& strides) {
  auto width = static_cast<int64_t>(c10::elementSize(dtype));
  if (bytes.numel() % width != 0)
    throw FileFault{"", fmt::format("a storage of whole elements of {} bytes", width),
                    fmt::format("{} bytes", bytes.numel())};
  if (sizes.size() != strides.size())
    throw FileFault{"", fmt::format("{} strides", sizes.size()), std::to_string(strides.size())};
  // torch multiplies sizes of 0 as 1 for its strides.
  constexpr int64_t kLargest = int64_t{1} << 58U;
  int64_t elements = bytes.numel() / width, span = 1, last = offset;
  bool is_empty = std::ranges::find(sizes, 0) != sizes.end();
  bool fits = offset >= 0 && (is_empty || offset <= elements);
  for (size_t i = 0; i < sizes.size() && fits; ++i) {
    fits = sizes[i] <= kLargest / span;
    if (!fits) break;
    span *= std::max<int64_t>(sizes[i], 1);
    if (is_empty || sizes[i] == 1) continue;
    fits = strides[i] <= (elements - last) / (sizes[i] - 1);
    if (fits) last += (sizes[i] - 1) * strides[i];
  }
  if (!fits || (!is_empty && last >= elements))
    throw FileFault{"", fmt::format("a tensor inside its storage of {} elements", elements),
                    fmt::format("sizes ({}), strides ({}) from {}", fmt::join(sizes, ", "),
                                fmt::join(strides, ", "), offset)};
  // Nothing of the storage belongs to it: a slice of nothing may begin beyond the end.
  if (is_empty) return at::empty(sizes, at::TensorOptions(dtype));
  return bytes.view(dtype).as_strided(sizes, strides, offset);
}

}  // namespace

bool is_storage_class(const std::string& name) {
  return name == kUntyped || find_dtype(name, true);
}

std::vector<int64_t> sizes_of(const Pickle& pickle, PickleId id, const char* what) {
  constexpr size_t kRank = 64;
  const auto& parts = as<PickleSequence>(pickle, id, what).parts;
  if (parts.size() > kRank)
    throw FileFault{"", fmt::format("at most {} dimensions", kRank), std::to_string(parts.size())};
  std::vector<int64_t> result;
  for (PickleId part : parts) {
    result.push_back(as<int64_t>(pickle, part, what));
    if (result.back() < 0) throw FileFault{"", what, std::to_string(result.back())};
  }
  return result;
}

PickleMade Tensors::made(std::variant<Storage, Tensor> value) {
  constexpr size_t kMost = 1'000'000;
  if (made_.size() >= kMost)
    throw FileUnsupported{
        "", fmt::format("expected at most {} tensors and storages, got more.", kMost)};
  made_.push_back(std::move(value));
  return {made_.size() - 1};
}

const Tensor& Tensors::tensor(size_t number) const {
  if (const auto* t = std::get_if<Tensor>(&made_[number])) return *t;
  throw FileUnsupported{"", "expected tensors, got a storage alone. Save tensors."};
}

// ('storage', torch.FloatStorage, '0', 'cpu', elements)
PickleMade Tensors::storage(const Pickle& pickle, PickleId id) {
  const char* kExpected = "a storage's five parts";
  const auto& parts = as<PickleSequence>(pickle, id, kExpected).parts;
  if (parts.size() != 5 || as<std::string>(pickle, parts[0], kExpected) != "storage")
    throw FileFault{"", kExpected, "others"};
  const auto& type = as<PickleGlobal>(pickle, parts[1], "a storage's class").name;
  const auto* known = find_dtype(type, true);
  if (!known && type != kUntyped) throw FileFault{"", "a storage's class", type};
  const auto& name = as<std::string>(pickle, parts[2], "a storage's name");
  auto elements = as<int64_t>(pickle, parts[4], "a storage's size");
  Tensor& bytes = storages_[name];
  uint64_t width = known ? c10::elementSize(known->dtype) : 1;
  if (!bytes.defined()) bytes = read_(name, elements, width);
  if (elements < 0 || static_cast<uint64_t>(elements) > INT64_MAX / width ||
      elements * static_cast<int64_t>(width) != bytes.numel())
    throw FileFault{"", fmt::format("{} elements of {} bytes", elements, width),
                    fmt::format("{} bytes", bytes.numel())};
  return made(Storage{bytes, known ? std::optional(known->dtype) : std::nullopt});
}

// C++ allows a bool no other bytes than 0 and 1. A storage that has others stays as it is for
// tensors of other dtypes; those of bool share one beside it.
const Tensor& Tensors::bools_of(const Tensor& bytes) {
  Tensor& bools = bools_[bytes.unsafeGetTensorImpl()];
  if (bools.defined()) return bools;
  auto count = static_cast<size_t>(bytes.numel());
  const auto* from = static_cast<const uint8_t*>(bytes.const_data_ptr());
  if (std::all_of(from, from + count, [](uint8_t byte) { return byte <= 1; })) return bools = bytes;
  bools = at::empty(bytes.sizes(), at::TensorOptions(Dtype::Byte));
  std::transform(from, from + count, static_cast<uint8_t*>(bools.mutable_data_ptr()),
                 [](uint8_t byte) { return uint8_t{byte != 0}; });
  return bools;
}

// storage, offset, sizes, strides, requires_grad, hooks, in the third version a dtype, and perhaps
// marks.
PickleMade Tensors::rebuild(const Pickle& pickle, const std::vector<PickleId>& parts,
                            bool has_dtype) {
  size_t count = has_dtype ? 7 : 6;
  if (parts.size() != count && parts.size() != count + 1)
    throw FileFault{"", fmt::format("a tensor's {} parts", count), std::to_string(parts.size())};
  auto number = as<PickleMade>(pickle, parts[0], "a storage").number;
  const auto* storage = std::get_if<Storage>(&made_[number]);
  if (!storage) throw FileFault{"", "a storage", "a tensor"};
  std::optional<Dtype> dtype = storage->dtype;
  if (has_dtype) {
    const auto& name = as<std::string>(pickle, parts[6], "a dtype");
    const auto* known = find_dtype(name, false);
    if (!known) throw FileFault{"", "a dtype", name};
    dtype = known->dtype;
  }
  if (!dtype) throw FileFault{"", "a storage that has a dtype", "an untyped one"};
  for (size_t i = 5; i < parts.size(); i += has_dtype ? 2 : 1)
    if (const auto* marks = std::get_if<PickleDict>(&pickle[parts[i]]);
        marks && !marks->items.empty())
      throw FileUnsupported{"",
                            "expected plain tensors, got one with hooks, or conjugated or negated "
                            "by a mark alone. Save t.detach().resolve_conj().resolve_neg()."};
  const Tensor& bytes = *dtype == Dtype::Bool ? bools_of(storage->bytes) : storage->bytes;
  return made(view(bytes, *dtype, as<int64_t>(pickle, parts[1], "an offset"),
                   sizes_of(pickle, parts[2], "a tensor's sizes"),
                   sizes_of(pickle, parts[3], "a tensor's strides")));
}

}  // namespace luxtorch::torch_archive
