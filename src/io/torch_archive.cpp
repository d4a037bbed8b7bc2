// torch_archive::load: the archive's parts, and its tensors.
#include "luxtorch/io/torch_archive.h"

#include <ATen/ops/as_strided.h>
#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "io/file_fault.h"
#include "io/input_file.h"
#include "io/pickle.h"
#include "io/pickle_tree.h"
#include "io/torch_dtypes.h"
#include "io/zip_reader.h"

namespace luxtorch::torch_archive {
namespace {

constexpr const char* kWho = "torch_archive::load";

using io::FileFault;
using io::FileUnsupported;
using io::Pickle;
using io::PickleDict;
using io::PickleGlobal;
using io::PickleId;
using io::PickleMade;
using io::PickleSequence;
using io::PickleValue;

struct Storage {
  Tensor bytes;
  std::optional<Dtype> dtype;  // none: the tensor says it
};

const DtypeName* find_dtype(std::string_view name, bool is_storage) {
  if (!name.starts_with(kPrefix)) return nullptr;
  auto found = std::ranges::find(kDtypes, name.substr(kPrefix.size()), &DtypeName::name);
  return found != kDtypes.end() && found->is_storage == is_storage ? &*found : nullptr;
}

template <class T>
const T& as(const Pickle& pickle, PickleId id, const char* expected) {
  if (const auto* value = std::get_if<T>(&pickle[id])) return *value;
  throw FileFault{"", expected, std::string(io::describe(pickle[id]))};
}

constexpr size_t kRank = 64;

std::vector<int64_t> sizes_of(const Pickle& pickle, PickleId id, const char* what) {
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

class Reader {
 public:
  Reader(const io::InputFile& file, const LoadOptions& options)
      : file_(file),
        options_(options),
        entries_(io::read_zip_directory(file, options.inflated_limit)) {
    for (const auto& entry : entries_) by_name_.emplace(entry.name, &entry);
  }

  Tree read() {
    const io::ZipEntry& entry = find_pickle();
    folder_ = entry.name.substr(0, entry.name.rfind('/') + 1);
    if (by_name_.contains(folder_ + "constants.pkl"))
      throw FileUnsupported{"", "expected a state dict, got TorchScript. Save its state_dict()."};
    if (auto order = by_name_.find(folder_ + "byteorder"); order != by_name_.end()) {
      constexpr uint64_t kLongest = 16;
      if (order->second->size > kLongest ||
          io::read_zip_entry(file_, *order->second, options_.check_sums) != "little")
        throw FileUnsupported{order->first,
                              "expected a file of a little-endian machine, got another. Save it "
                              "again on one."};
    }
    constexpr uint64_t kLargest = 1U << 26U;
    if (entry.size > kLargest)
      throw FileUnsupported{entry.name, fmt::format("expected at most {} bytes of pickle, got {}.",
                                                    kLargest, entry.size)};
    std::string text = io::read_zip_entry(file_, entry, options_.check_sums);
    try {
      Pickle pickle(text, visitor());
      return io::tree_of(pickle, [&](size_t made) { return tensor(made); });
    } catch (FileFault& fault) {
      place(fault, entry.name);
      throw;
    } catch (FileUnsupported& fault) {
      place(fault, entry.name);
      throw;
    }
  }

 private:
  // Faults inside a record are at the record's name, all others in the pickle.
  template <class Fault>
  void place(Fault& fault, const std::string& name) const {
    if (!fault.place.starts_with(folder_))
      fault.place = name + (fault.place.empty() ? "" : ", " + fault.place);
  }

  const io::ZipEntry& find_pickle() const {
    for (const auto& entry : entries_)
      if (entry.name.ends_with("/data.pkl") && std::ranges::count(entry.name, '/') == 1)
        return entry;
    throw FileFault{"", "data.pkl in a folder of the archive", "none"};
  }

  Pickle::Visitor visitor() {
    return {
        [](const std::string& name) {
          return name == "collections.OrderedDict" || name == "torch.Size" ||
                 name == "torch._utils._rebuild_parameter" || name == kRebuild2 ||
                 name == kRebuild3 || name == kUntyped || find_dtype(name, true) ||
                 find_dtype(name, false);
        },
        [this](const Pickle& pickle, const std::string& name,
               const std::vector<PickleId>& arguments) { return call(pickle, name, arguments); },
        [this](const Pickle& pickle, PickleId id) -> PickleValue {
          return made(storage(pickle, id));
        }};
  }

  PickleMade made(std::variant<Storage, Tensor> value) {
    constexpr size_t kMost = 1'000'000;
    if (made_.size() >= kMost)
      throw FileUnsupported{
          "", fmt::format("expected at most {} tensors and storages, got more.", kMost)};
    made_.push_back(std::move(value));
    return {made_.size() - 1};
  }
  Tensor tensor(size_t number) const {
    if (const auto* t = std::get_if<Tensor>(&made_[number])) return *t;
    throw FileUnsupported{"", "expected tensors, got a storage alone. Save tensors."};
  }

  // ('storage', torch.FloatStorage, '0', 'cpu', elements)
  Storage storage(const Pickle& pickle, PickleId id) {
    const char* kExpected = "a storage's five parts";
    const auto& parts = as<PickleSequence>(pickle, id, kExpected).parts;
    if (parts.size() != 5 || as<std::string>(pickle, parts[0], kExpected) != "storage")
      throw FileFault{"", kExpected, "others"};
    const auto& type = as<PickleGlobal>(pickle, parts[1], "a storage's class").name;
    const auto* known = find_dtype(type, true);
    if (!known && type != kUntyped) throw FileFault{"", "a storage's class", type};
    auto name = folder_ + "data/" + as<std::string>(pickle, parts[2], "a storage's name");
    auto elements = as<int64_t>(pickle, parts[4], "a storage's size");
    auto entry = by_name_.find(name);
    if (entry == by_name_.end()) throw FileFault{"", "the record " + name, "none"};
    uint64_t width = known ? c10::elementSize(known->dtype) : 1, size = entry->second->size;
    if (elements < 0 || size % width != 0 || size / width != static_cast<uint64_t>(elements))
      throw FileFault{name, fmt::format("{} elements of {} bytes", elements, width),
                      fmt::format("{} bytes", size)};
    Tensor& bytes = storages_[name];
    if (!bytes.defined()) bytes = read_record(*entry->second);
    return {bytes, known ? std::optional(known->dtype) : std::nullopt};
  }

  Tensor read_record(const io::ZipEntry& entry) const {
    Tensor bytes = at::empty({static_cast<int64_t>(entry.size)}, at::TensorOptions(Dtype::Byte));
    io::ZipEntryReader reader(file_, entry);
    if (entry.size > 0) reader.read(bytes.mutable_data_ptr(), entry.size);
    reader.finish(options_.check_sums);
    return bytes;
  }

  // C++ allows a bool no other bytes than 0 and 1. A storage that has others stays as it is for
  // tensors of other dtypes; those of bool share one beside it.
  const Tensor& bools_of(const Tensor& bytes) {
    Tensor& bools = bools_[bytes.unsafeGetTensorImpl()];
    if (bools.defined()) return bools;
    auto count = static_cast<size_t>(bytes.numel());
    const auto* from = static_cast<const uint8_t*>(bytes.const_data_ptr());
    if (std::all_of(from, from + count, [](uint8_t byte) { return byte <= 1; }))
      return bools = bytes;
    bools = at::empty(bytes.sizes(), at::TensorOptions(Dtype::Byte));
    std::transform(from, from + count, static_cast<uint8_t*>(bools.mutable_data_ptr()),
                   [](uint8_t byte) { return uint8_t{byte != 0}; });
    return bools;
  }

  PickleValue call(const Pickle& pickle, const std::string& name,
                   const std::vector<PickleId>& arguments) {
    if (name == "torch.Size") {
      if (arguments.size() != 1) throw FileFault{"", "torch.Size of a tuple", "something else"};
      sizes_of(pickle, arguments[0], "torch.Size of sizes");
      return PickleSequence{as<PickleSequence>(pickle, arguments[0], "sizes").parts, false};
    }
    if (name == "torch._utils._rebuild_parameter") {
      if (arguments.size() != 3) throw FileFault{"", "a parameter's three parts", "others"};
      auto parameter = as<PickleMade>(pickle, arguments[0], "a parameter's tensor");
      tensor(parameter.number);
      return parameter;
    }
    if (name == kRebuild2 || name == kRebuild3)
      return made(rebuild(pickle, arguments, name == kRebuild3));
    throw FileFault{"", "a call that makes a tensor", name};
  }

  // storage, offset, sizes, strides, requires_grad, hooks, in the third version a dtype, and perhaps
  // marks.
  Tensor rebuild(const Pickle& pickle, const std::vector<PickleId>& parts, bool has_dtype) {
    size_t count = has_dtype ? 7 : 6;
    if (parts.size() != count && parts.size() != count + 1)
      throw FileFault{"", fmt::format("a tensor's {} parts", count), std::to_string(parts.size())};
    auto number = as<PickleMade>(pickle, parts[0], "a storage").number;
    const auto* storage = std::get_if<Storage>(&made_[number]);
    if (!storage) throw FileFault{"", "a storage", "a tensor"};
    std::optional<Dtype> dtype = storage->dtype;
    if (has_dtype) {
      const auto& name = as<PickleGlobal>(pickle, parts[6], "a dtype").name;
      const auto* known = find_dtype(name, false);
      if (!known) throw FileFault{"", "a dtype", name};
      dtype = known->dtype;
    }
    if (!dtype) throw FileFault{"", "a storage that has a dtype", "an untyped one"};
    for (size_t i = 5; i < parts.size(); i += has_dtype ? 2 : 1)
      if (const auto* marks = std::get_if<PickleDict>(&pickle[parts[i]]);
          marks && !marks->items.empty())
        throw FileUnsupported{
            "",
            "expected plain tensors, got one with hooks, or conjugated or negated "
            "by a mark alone. Save t.detach().resolve_conj().resolve_neg()."};
    const Tensor& bytes = *dtype == Dtype::Bool ? bools_of(storage->bytes) : storage->bytes;
    return view(bytes, *dtype, as<int64_t>(pickle, parts[1], "an offset"),
                sizes_of(pickle, parts[2], "a tensor's sizes"),
                sizes_of(pickle, parts[3], "a tensor's strides"));
  }

  static Tensor view(const Tensor& bytes, Dtype dtype, int64_t offset,
                     const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides) {
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
    bool fits = offset >= 0 && offset <= elements;
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
    if (is_empty) return at::empty(sizes, at::TensorOptions(dtype));
    return bytes.view(dtype).as_strided(sizes, strides, offset);
  }

  const io::InputFile& file_;
  const LoadOptions& options_;
  std::vector<io::ZipEntry> entries_;
  std::unordered_map<std::string, const io::ZipEntry*> by_name_;
  std::unordered_map<std::string, Tensor> storages_;
  std::unordered_map<const void*, Tensor> bools_;  // by the storage's tensor
  std::vector<std::variant<Storage, Tensor>> made_;
  std::string folder_;
};

Tree read_file(const io::InputFile& file, const LoadOptions& options) {
  constexpr std::string_view kOld = "\x80\x02\x8a\x0a";  // a pickle of a long of ten bytes
  std::string start(std::min<uint64_t>(file.size(), kOld.size()), '\0');
  file.read(0, start.data(), start.size());
  if (start == kOld)
    throw FileUnsupported{
        "",
        "expected a file of PyTorch 1.6 or later, got one of before. Load and save "
        "it again with a newer one."};
  return Reader(file, options).read();
}

}  // namespace

Tree load(const std::filesystem::path& path, LoadOptions options) {
  io::InputFile file(kWho, path);
  return io::explained(kWho, path, "a file of torch.save",
                       [&] { return read_file(file, options); });
}

}  // namespace luxtorch::torch_archive
