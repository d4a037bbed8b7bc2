// torch_archive::load: the archive and its records.
#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "io/base/fault.h"
#include "io/base/file_mapping.h"
#include "io/base/input_file.h"
#include "io/torch/calls.h"
#include "io/torch/legacy.h"
#include "io/torch/load.h"
#include "io/torch/pickle.h"
#include "io/torch/pickle_tree.h"

namespace luxtorch::torch_archive {
namespace {

constexpr const char* kLoad = "torch_archive::load";

using io::Fault;

class Reader {
 public:
  Reader(const io::Content& file, const LoadOptions& options)
      : file_(file.file()),
        options_(options),
        mapping_(options.map ? io::FileMapping::of(file_) : nullptr),
        entries_(file.zip()) {
    io::check_memory(entries_, options.memory_limit);
    for (const auto& entry : entries_) by_name_.emplace(entry.name, &entry);
    bool has_some = false, has_some_data = false;
    for (const auto& entry : entries_) {
      if (entry.crc == 0) continue;
      has_some = true;
      has_some_data = has_some_data || is_data(entry);
    }
    has_sums_ = has_some && options.verify_checksums;
    has_sums_of_data_ = has_some_data && options.verify_checksums;
  }

  Tree read() {
    const io::ZipEntry& entry = find_pickle();
    folder_ = entry.name.substr(0, entry.name.rfind('/') + 1);
    if (auto order = by_name_.find(folder_ + "byteorder"); order != by_name_.end()) {
      constexpr uint64_t kLongest = 16;
      if (order->second->size > kLongest ||
          io::read_zip_entry(file_, *order->second, has_sum(*order->second)) != "little")
        throw Fault::unsupported(order->first,
                                 "expected a file of a little-endian machine, got another. Save it "
                                 "again on one.");
    }
    constexpr uint64_t kLargest = 1U << 26U;
    if (entry.size > kLargest)
      throw Fault::unsupported(
          entry.name,
          fmt::format("expected at most {} bytes of pickle, got {}.", kLargest, entry.size));
    std::string text = io::read_zip_entry(file_, entry, has_sum(entry));
    try {
      Tensors tensors([this](const std::string& name, int64_t elements, uint64_t width) {
        return read_storage(name, elements, width);
      });
      io::Pickle pickle(text, visitor_of(tensors, options_.report != nullptr));
      return io::tree_of(
          pickle, [&](size_t number) { return tensors.value(number); }, options_.report);
    } catch (Fault& fault) {
      place(fault, entry.name);
      throw;
    }
  }

 private:
  static bool is_data(const io::ZipEntry& entry) {
    return entry.name.find("/data/") != entry.name.npos;
  }
  // 0 stands in all records after set_crc32_options(False), in all of storages after skip_data, for
  // others to fill. In one of several it is a checksum.
  bool has_sum(const io::ZipEntry& entry) const {
    return entry.crc != 0   ? options_.verify_checksums
           : is_data(entry) ? has_sums_of_data_
                            : has_sums_;
  }

  // Faults inside a record are at the record's name, all others in the pickle.
  void place(Fault& fault, const std::string& name) const {
    if (!fault.place.starts_with(folder_))
      fault.place = name + (fault.place.empty() ? "" : ", " + fault.place);
  }

  const io::ZipEntry& find_pickle() const {
    for (const auto& entry : entries_)
      if (entry.name.ends_with("/data.pkl") && std::ranges::count(entry.name, '/') == 1)
        return entry;
    throw Fault("", "data.pkl in a folder of the archive", "none");
  }

  Tensor read_storage(const std::string& storage, int64_t elements, uint64_t width) const {
    auto name = folder_ + "data/" + storage;
    auto found = by_name_.find(name);
    if (found == by_name_.end()) throw Fault("", "the record " + name, "none");
    const io::ZipEntry& entry = *found->second;
    if (elements < 0 || entry.size % width != 0 ||
        entry.size / width != static_cast<uint64_t>(elements))
      throw Fault(name, fmt::format("{} elements of {} bytes", elements, width),
                  fmt::format("{} bytes", entry.size));
    return read_record(entry, width);
  }

  Tensor read_record(const io::ZipEntry& entry, uint64_t width) const {
    auto size = static_cast<int64_t>(entry.size);
    if (mapping_ && !entry.deflated)
      if (auto bytes = mapping_->tensor(entry.data, {size}, Dtype::Byte, alignment_of(width)))
        return *bytes;
    Tensor bytes = at::empty({size}, at::TensorOptions(Dtype::Byte));
    io::ZipEntryReader reader(file_, entry, has_sum(entry));
    if (size > 0) reader.read(bytes.mutable_data_ptr(), entry.size);
    reader.finish();
    return bytes;
  }

  const io::InputFile& file_;
  const LoadOptions& options_;
  std::shared_ptr<io::FileMapping> mapping_;
  const std::vector<io::ZipEntry>& entries_;
  std::unordered_map<std::string, const io::ZipEntry*> by_name_;
  std::string folder_;
  bool has_sums_, has_sums_of_data_;
};

// What PyTorch wrote before 0.1.10.
bool is_tar(const io::InputFile& file) {
  constexpr std::string_view kTar = "ustar";
  constexpr uint64_t kAt = 257;
  if (file.size() < kAt + kTar.size()) return false;
  std::string bytes(kTar.size(), '\0');
  file.read(kAt, bytes.data(), bytes.size());
  return bytes == kTar;
}

Tree read_file(const io::Content& file, const LoadOptions& options) {
  if (is_legacy(file.file())) return read_legacy(file.file(), options);
  if (is_tar(file.file()))
    throw Fault::unsupported(
        "",
        "expected a file of PyTorch 0.1.10 or later, got a tar archive, as those of before. "
        "Save it again in Python: torch.save(torch.load(path, weights_only=False), path), if "
        "you trust it.");
  return Reader(file, options).read();
}

// With the tar archives of before PyTorch 0.1.10, of which this reader has its own words.
bool is_of_torch(const io::Content& file) { return is_torch_archive(file) || is_tar(file.file()); }

}  // namespace

bool is_torch_archive(const io::Content& file) {
  auto is_pickle = [](const io::ZipEntry& entry) { return entry.name.ends_with("/data.pkl"); };
  return file.is_zip() ? std::ranges::any_of(file.zip(), is_pickle) : is_legacy(file.file());
}

Tree load(const io::Content& file, const LoadOptions& options) {
  if (options.report) *options.report = {};
  return io::read_as({kType.what, is_of_torch}, kLoad, file, [&] {
    return io::with_errors({kLoad, file.file().name(), kType.what},
                           [&] { return read_file(file, options); });
  });
}

Tree load(const std::filesystem::path& path, LoadOptions options) {
  io::InputFile file(kLoad, path);
  return load(io::Content(file), options);
}

Tree load(std::span<const std::byte> bytes, LoadOptions options) {
  io::InputFile file(kLoad, bytes);
  return load(io::Content(file), options);
}

}  // namespace luxtorch::torch_archive
