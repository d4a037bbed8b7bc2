// torch_archive::load: the archive's parts, and its tensors.
#include "luxtorch/io/torch_archive.h"

#include <ATen/ops/as_strided.h>
#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>

#include "io/file_fault.h"
#include "io/input_file.h"
#include "io/pickle.h"
#include "io/pickle_numbers.h"
#include "io/pickle_tree.h"
#include "io/torch_dtypes.h"
#include "io/zip_reader.h"

namespace luxtorch::torch_archive {
namespace {

constexpr const char* kWho = "torch_archive::load";

using io::FileFault;
using io::FileUnsupported;
using io::Pickle;
using io::PickleBytes;
using io::PickleDict;
using io::PickleGlobal;
using io::PickleId;
using io::PickleMade;
using io::PickleSequence;
using io::PickleValue;

// What may be called; the last by C++'s torch::pickle_save.
constexpr std::array<std::string_view, 20> kCalls = {"collections.OrderedDict",
                                                     "collections.Counter",
                                                     "torch.Size",
                                                     "torch._utils._rebuild_parameter",
                                                     "torch._utils._rebuild_parameter_with_state",
                                                     "torch._tensor._rebuild_from_type_v2",
                                                     "torch.nn.parameter.Parameter",
                                                     "torch.nn.parameter.Buffer",
                                                     "torch.Tensor",
                                                     kRebuild2,
                                                     kRebuild3,
                                                     "torch.device",
                                                     "torch.serialization._get_layout",
                                                     "builtins.set",
                                                     "builtins.frozenset",
                                                     "builtins.complex",
                                                     "builtins.bytes",
                                                     "builtins.bytearray",
                                                     "_codecs.encode",
                                                     "torch.jit._pickle.restore_type_tag"};
constexpr std::array<std::string_view, 3> kTensors = {
    "torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"};
// Behind "torch."; as values texts.
constexpr std::array<std::string_view, 27> kConstants = {"float32",
                                                         "float64",
                                                         "float16",
                                                         "bfloat16",
                                                         "int64",
                                                         "int32",
                                                         "int16",
                                                         "int8",
                                                         "uint8",
                                                         "uint16",
                                                         "uint32",
                                                         "uint64",
                                                         "bool",
                                                         "complex32",
                                                         "complex64",
                                                         "complex128",
                                                         "float8_e4m3fn",
                                                         "float8_e5m2",
                                                         "float8_e4m3fnuz",
                                                         "float8_e5m2fnuz",
                                                         "float8_e8m0fnu",
                                                         "quint8",
                                                         "qint8",
                                                         "qint32",
                                                         "strided",
                                                         "per_tensor_affine",
                                                         "per_channel_affine"};

// A list of C++'s torch::pickle_save.
bool is_list_of_cpp(const std::string& name) {
  return name.starts_with("torch.jit._pickle.build_") && name.ends_with("list");
}

// The class of what C++'s torch::save writes; those of TorchScript have their Python class's name.
bool is_cpp_archive(const std::string& name) {
  return name == "__torch__.Module" ||
         (name.starts_with("__torch__.___torch_mangle_") && name.ends_with(".Module") &&
          std::ranges::count(name, '.') == 2);
}

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
    if (auto order = by_name_.find(folder_ + "byteorder"); order != by_name_.end()) {
      constexpr uint64_t kLongest = 16;
      if (order->second->size > kLongest ||
          io::read_zip_entry(file_, *order->second, has_sum(*order->second)) != "little")
        throw FileUnsupported{order->first,
                              "expected a file of a little-endian machine, got another. Save it "
                              "again on one."};
    }
    constexpr uint64_t kLargest = 1U << 26U;
    if (entry.size > kLargest)
      throw FileUnsupported{entry.name, fmt::format("expected at most {} bytes of pickle, got {}.",
                                                    kLargest, entry.size)};
    std::string text = io::read_zip_entry(file_, entry, has_sum(entry));
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
  // 0 stands where PyTorch wrote none: after set_crc32_options(False), and of records that skip_data
  // left out.
  bool has_sum(const io::ZipEntry& entry) const { return options_.check_sums && entry.crc != 0; }

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
          if (is_cpp_archive(name)) return true;
          if (name.starts_with("__torch__."))
            throw FileUnsupported{"",
                                  "expected a state dict, got TorchScript. Save its state_dict()."};
          return std::ranges::find(kCalls, name) != kCalls.end() || is_list_of_cpp(name) ||
                 name == kUntyped || find_dtype(name, true);
        },
        [](const std::string& name) {
          return name.starts_with(kPrefix) &&
                 std::ranges::find(kConstants, std::string_view(name).substr(kPrefix.size())) !=
                     kConstants.end();
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
    reader.finish(has_sum(entry));
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
    bool has_state = name == "torch._utils._rebuild_parameter_with_state";
    if (name == "torch._utils._rebuild_parameter" || has_state) {
      if (arguments.size() != (has_state ? 4 : 3))
        throw FileFault{"", has_state ? "a parameter's four parts" : "a parameter's three parts",
                        "others"};
      return made_tensor(pickle, arguments[0], "a parameter's tensor");
    }
    if (name == "torch.nn.parameter.Parameter") {
      if (arguments.empty() || arguments.size() > 2)
        throw FileFault{"", "a parameter's tensor", "others"};
      return made_tensor(pickle, arguments[0], "a parameter's tensor");
    }
    if (name == "torch._tensor._rebuild_from_type_v2") {
      if (arguments.size() != 4) throw FileFault{"", "a tensor's four parts", "others"};
      const auto& type = as<PickleGlobal>(pickle, arguments[1], "a tensor's class").name;
      if (std::ranges::find(kTensors, type) == kTensors.end())
        throw FileFault{"", "a tensor's class", type};
      const auto& function = as<PickleGlobal>(pickle, arguments[0], "a name to call").name;
      if (function == name) throw FileFault{"", "a call that makes a tensor", name};
      return call(pickle, function,
                  as<PickleSequence>(pickle, arguments[2], "a tensor's parts").parts);
    }
    if (name == kRebuild2 || name == kRebuild3)
      return made(rebuild(pickle, arguments, name == kRebuild3));
    if (is_cpp_archive(name)) {
      if (!arguments.empty()) throw FileFault{"", "an archive without arguments", "some"};
      return PickleDict{{}, PickleDict::Kind::kObject};
    }
    return value_of_call(pickle, name, arguments);
  }

  PickleMade made_tensor(const Pickle& pickle, PickleId id, const char* what) const {
    auto part = as<PickleMade>(pickle, id, what);
    tensor(part.number);
    return part;
  }

  // What is no tensor.
  PickleValue value_of_call(const Pickle& pickle, const std::string& name,
                            const std::vector<PickleId>& arguments) {
    auto expect = [&](size_t least, size_t most) {
      if (arguments.size() < least || arguments.size() > most)
        throw FileFault{"", fmt::format("{} to {} arguments of {}", least, most, name),
                        std::to_string(arguments.size())};
    };
    if (name == "collections.Counter") {
      expect(0, 1);
      return arguments.empty() ? PickleDict{}
                               : PickleDict{as<PickleDict>(pickle, arguments[0], "a dict").items};
    }
    if (name == "builtins.set" || name == "builtins.frozenset" || is_list_of_cpp(name)) {
      expect(0, 1);
      return arguments.empty()
                 ? PickleSequence{{}, true}
                 : PickleSequence{as<PickleSequence>(pickle, arguments[0], "a list").parts, true};
    }
    if (name == "torch.jit._pickle.restore_type_tag") {
      expect(2, 2);
      const PickleValue& value = pickle[arguments[0]];
      if (const auto* dict = std::get_if<PickleDict>(&value)) return *dict;
      return as<PickleSequence>(pickle, arguments[0], "a dict or a list");
    }
    if (name == "builtins.complex") {
      expect(2, 2);
      auto part = [&](PickleId id) { return as<double>(pickle, id, "a float"); };
      Tensor t = at::empty({}, at::TensorOptions(Dtype::ComplexDouble));
      *t.mutable_data_ptr<c10::complex<double>>() = {part(arguments[0]), part(arguments[1])};
      return made(std::move(t));
    }
    if (name == "torch.device") {
      expect(1, 2);
      auto device = as<std::string>(pickle, arguments[0], "a device's name");
      return arguments.size() == 1
                 ? device
                 : fmt::format("{}:{}", device, as<int64_t>(pickle, arguments[1], "a number"));
    }
    if (name == "torch.serialization._get_layout") {
      expect(1, 1);
      return as<std::string>(pickle, arguments[0], "a layout's name");
    }
    if (name == "_codecs.encode" || name == "builtins.bytes" || name == "builtins.bytearray") {
      expect(name == "_codecs.encode" ? 2 : 0, 2);
      if (arguments.empty()) return PickleBytes{};
      if (const auto* bytes = std::get_if<PickleBytes>(&pickle[arguments[0]])) return *bytes;
      auto encoding = arguments.size() == 2
                          ? as<std::string>(pickle, arguments[1], "an encoding's name")
                          : std::string();
      auto bytes = io::latin1_bytes(as<std::string>(pickle, arguments[0], "a text"));
      if ((encoding != "latin1" && encoding != "latin-1") || !bytes)
        throw FileFault{"", "bytes as a text in Latin-1", "another text"};
      return PickleBytes{*bytes};
    }
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
      const auto& name = as<std::string>(pickle, parts[6], "a dtype");
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
