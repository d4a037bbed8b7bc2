#include "io/torch/tensors.h"

#include <ATen/ops/as_strided.h>
#include <ATen/ops/conj_physical.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/neg.h>
#include <c10/core/ScalarType.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "io/torch/dtypes.h"

namespace luxtorch::torch_archive {
namespace {

using io::Fault;
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

std::optional<Dtype> dtype_of_storage(std::string_view name) {
  if (const auto* known = find_dtype(name, true)) return known->dtype;
  if (!name.starts_with(kPrefix)) return {};
  auto found = std::ranges::find(kQuantised, name.substr(kPrefix.size()), &DtypeName::name);
  return found != kQuantised.end() ? std::optional(found->dtype) : std::nullopt;
}

Tensor view(const Tensor& bytes, Dtype dtype, int64_t offset, const std::vector<int64_t>& sizes,
            const std::vector<int64_t>& strides) {
  auto width = static_cast<int64_t>(c10::elementSize(dtype));
  if (bytes.numel() % width != 0)
    throw Fault("", fmt::format("a storage of whole elements of {} bytes", width),
                fmt::format("{} bytes", bytes.numel()));
  if (sizes.size() != strides.size())
    throw Fault("", fmt::format("{} strides", sizes.size()), std::to_string(strides.size()));
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
    throw Fault("", fmt::format("a tensor inside its storage of {} elements", elements),
                fmt::format("sizes ({}), strides ({}) from {}", fmt::join(sizes, ", "),
                            fmt::join(strides, ", "), offset));
  // Nothing of the storage belongs to it: a slice of nothing may begin beyond the end.
  if (is_empty) return at::empty(sizes, at::TensorOptions(dtype));
  return bytes.view(dtype).as_strided(sizes, strides, offset);
}

// Other dtypes have no arithmetic. A view may repeat a few elements without end, its copy may not.
bool can_be_copied(const Tensor& t, Dtype dtype) {
  constexpr std::array kKnown = {Dtype::Byte,     Dtype::Char,         Dtype::Short,
                                 Dtype::Int,      Dtype::Long,         Dtype::Half,
                                 Dtype::BFloat16, Dtype::Float,        Dtype::Double,
                                 Dtype::Bool,     Dtype::ComplexFloat, Dtype::ComplexDouble};
  auto knows = [&](Dtype d) { return std::ranges::find(kKnown, d) != kKnown.end(); };
  return knows(t.scalar_type()) && knows(dtype) && t.nbytes() <= t.storage().nbytes();
}

// {"conj": True, "neg": True}: the values are those in the file, conjugated or negated.
Tensor marked(const Pickle& pickle, PickleId id, Tensor t) {
  const auto* marks = std::get_if<PickleDict>(&pickle[id]);
  if (!marks) return t;
  for (auto [key, value] : marks->items) {
    const auto* name = std::get_if<std::string>(&pickle[key]);
    const auto* is_set = std::get_if<bool>(&pickle[value]);
    bool is_known = name && is_set && (*name == "conj" || *name == "neg");
    bool can_be = is_known && (t.is_complex() || (*name == "neg" && t.is_floating_point()));
    if (!can_be || !can_be_copied(t, t.scalar_type()))
      throw Fault::unsupported("",
                               "expected tensors that are conjugated, negated or neither, got one "
                               "with another mark. Save t.clone().");
    if (*is_set) t = *name == "conj" ? at::conj_physical(t) : t.neg();
  }
  return t;
}

}  // namespace

uint64_t storage_width(std::string_view name) {
  if (name == kUntyped) return 1;
  auto dtype = dtype_of_storage(name);
  return dtype ? c10::elementSize(*dtype) : 0;
}

Tensor converted(const Tensor& t, Dtype dtype) {
  if (t.scalar_type() == dtype) return t;
  if (!can_be_copied(t, dtype))
    throw Fault::unsupported("",
                             "expected a tensor that has all its elements, of a dtype that others "
                             "convert to, got another.");
  return t.to(dtype);
}

std::vector<int64_t> sizes_of(const Pickle& pickle, PickleId id, const char* what) {
  constexpr size_t kRank = 64;
  const auto& parts = as<PickleSequence>(pickle, id, what).parts;
  if (parts.size() > kRank)
    throw Fault("", fmt::format("at most {} dimensions", kRank), std::to_string(parts.size()));
  std::vector<int64_t> result;
  for (PickleId part : parts) {
    result.push_back(as<int64_t>(pickle, part, what));
    if (result.back() < 0) throw Fault("", what, std::to_string(result.back()));
  }
  return result;
}

PickleMade Tensors::made(std::variant<Storage, Value> value) {
  constexpr size_t kMost = 1'000'000;
  if (made_.size() >= kMost)
    throw Fault::unsupported(
        "", fmt::format("expected at most {} tensors and storages, got more.", kMost));
  made_.push_back(std::move(value));
  return {made_.size() - 1};
}

Tensors::Value Tensors::value(size_t number) {
  if (const auto* value = std::get_if<Value>(&made_[number])) return *value;
  auto storage = std::get<Storage>(made_[number]);
  auto dtype = storage.dtype.value_or(Dtype::Byte);
  const Tensor& bytes = dtype == Dtype::Bool ? bools_of(storage.bytes) : storage.bytes;
  return {bytes.view(dtype), ""};
}

Tensor Tensors::tensor(const Pickle& pickle, PickleId id, const char* expected) {
  auto number = as<PickleMade>(pickle, id, expected).number;
  const auto* value = std::get_if<Value>(&made_[number]);
  if (!value) throw Fault("", expected, "a storage");
  if (value->first.is_tensor()) return value->first.tensor();
  throw Fault::unsupported(
      "", fmt::format("expected {} that is dense, got another kind.", expected), value->second);
}

// ('storage', torch.FloatStorage, '0', 'cpu', elements), in files of before 1.6 with None or a part of
// it: (its name, offset, elements).
PickleMade Tensors::storage(const Pickle& pickle, PickleId id) {
  const char* kExpected = "a storage's five or six parts";
  const auto& parts = as<PickleSequence>(pickle, id, kExpected).parts;
  if (parts.size() < 5 || parts.size() > 6 ||
      as<std::string>(pickle, parts[0], kExpected) != "storage")
    throw Fault("", kExpected, "others");
  const auto& type = as<PickleGlobal>(pickle, parts[1], "a storage's class").name;
  auto dtype = dtype_of_storage(type);
  auto width = static_cast<int64_t>(storage_width(type));
  if (width == 0) throw Fault("", "a storage's class", type);
  const auto& name = as<std::string>(pickle, parts[2], "a storage's name");
  auto elements = as<int64_t>(pickle, parts[4], "a storage's size");
  Tensor& bytes = storages_[name];
  if (!bytes.defined()) bytes = read_(name, elements, static_cast<uint64_t>(width));
  if (elements < 0 || elements > INT64_MAX / width || elements * width != bytes.numel())
    throw Fault("", fmt::format("{} elements of {} bytes", elements, width),
                fmt::format("{} bytes", bytes.numel()));
  if (parts.size() == 5 || std::holds_alternative<io::PickleNone>(pickle[parts[5]]))
    return made(Storage{bytes, dtype});
  const auto& part = as<PickleSequence>(pickle, parts[5], "a storage's part").parts;
  if (part.size() != 3) throw Fault("", "a storage's part of three", "others");
  auto offset = as<int64_t>(pickle, part[1], "an offset");
  auto count = as<int64_t>(pickle, part[2], "a size");
  if (offset < 0 || count < 0 || offset > elements || count > elements - offset)
    throw Fault("", fmt::format("a part of {} elements", elements),
                fmt::format("{} from {}", count, offset));
  return made(Storage{bytes.narrow(0, offset * width, count * width), dtype});
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

Tensor Tensors::part(const Pickle& pickle, const std::vector<PickleId>& parts,
                     std::optional<Dtype> dtype) {
  auto number = as<PickleMade>(pickle, parts[0], "a storage").number;
  const auto* storage = std::get_if<Storage>(&made_[number]);
  if (!storage) throw Fault("", "a storage", "a tensor");
  if (!dtype) dtype = storage->dtype;
  if (!dtype) throw Fault("", "a storage that has a dtype", "an untyped one");
  const Tensor& bytes = *dtype == Dtype::Bool ? bools_of(storage->bytes) : storage->bytes;
  return view(bytes, *dtype, as<int64_t>(pickle, parts[1], "an offset"),
              sizes_of(pickle, parts[2], "a tensor's sizes"),
              sizes_of(pickle, parts[3], "a tensor's strides"));
}

// storage, offset, sizes, strides, since the second version requires_grad and hooks, in the third one a
// dtype, and perhaps marks.
PickleMade Tensors::rebuild(const Pickle& pickle, const std::vector<PickleId>& parts,
                            std::string_view function) {
  bool has_dtype = function == kRebuild3, has_marks = function != kRebuild1;
  size_t count = function == kRebuild1 ? 4 : has_dtype ? 7 : 6;
  if (parts.size() != count && !(has_marks && parts.size() == count + 1))
    throw Fault("", fmt::format("a tensor's {} parts", count), std::to_string(parts.size()));
  std::optional<Dtype> dtype;
  if (has_dtype) {
    const auto& name = as<std::string>(pickle, parts[6], "a dtype");
    const auto* known = find_dtype(name, false);
    if (!known)
      throw Fault::unsupported("", "expected a dtype that torch has, got " + name + ".", name);
    dtype = known->dtype;
  }
  Tensor t = part(pickle, parts, dtype);
  if (parts.size() > count) t = marked(pickle, parts[count], t);
  auto result = hold(std::move(t));
  if (!has_marks) return result;
  const auto* hooks = std::get_if<PickleDict>(&pickle[parts[5]]);
  if (hooks && !hooks->items.empty()) result.attributes = parts[5];
  return result;
}

}  // namespace luxtorch::torch_archive
