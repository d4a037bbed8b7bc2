// numpy::load.
#include <algorithm>
#include <unordered_map>

#include "io/base/fault.h"
#include "io/base/file_mapping.h"
#include "io/base/flat_names.h"
#include "io/base/input_file.h"
#include "io/base/tree_json.h"
#include "io/numpy/load.h"
#include "io/numpy/npy_array.h"
#include "io/numpy/npz_names.h"

namespace luxtorch::numpy {
namespace {

constexpr const char* kLoad = "numpy::load";

template <class Fault>
[[noreturn]] void fail_at(const std::string& name, Fault fault) {
  fault.place = fault.place.empty() || fault.place == name ? name : name + ", " + fault.place;
  throw fault;
}

bool is_array(const io::ZipEntry& entry) { return entry.name.ends_with(kSuffix); }

bool is_folder(const io::ZipEntry& entry) { return entry.name.ends_with('/'); }

std::string name_of(const io::ZipEntry& entry) {
  return entry.name.substr(0, entry.name.size() - (is_array(entry) ? kSuffix.size() : 0));
}

// Of bytes that lie in the file as they are.
Tree read_stored(const io::InputFile& file, const io::FileMapping* mapping, uint64_t at,
                 uint64_t size) {
  auto read = [&](void* to, uint64_t count) {
    if (to != nullptr) file.read(at, to, count);
    at += count;
  };
  if (!mapping) return io::read_npy(size, read);
  return io::read_npy(
      size, read, [&](ShapeView shape, Dtype dtype) { return mapping->tensor(at, shape, dtype); });
}

// An array, or another file's bytes as a string, as numpy.load gives them.
Tree read_entry(const io::InputFile& file, const io::FileMapping* mapping,
                const io::ZipEntry& entry, bool check_sum) {
  try {
    if (!is_array(entry)) return io::read_zip_entry(file, entry, check_sum);
    if (mapping && !entry.deflated) return read_stored(file, mapping, entry.data, entry.size);
    io::ZipEntryReader reader(file, entry, check_sum);
    Tree array =
        io::read_npy(entry.size, [&](void* to, uint64_t count) { reader.read(to, count); });
    reader.finish();
    return array;
  } catch (const io::Fault& fault) {
    fail_at(entry.name, fault);
  }
}

// Each array once, in the order in which it is asked for.
class Arrays {
 public:
  Arrays(const io::InputFile& file, const std::vector<io::ZipEntry>& entries,
         const LoadOptions& options)
      : file_(file),
        mapping_(options.map ? io::FileMapping::of(file) : nullptr),
        verify_checksums_(options.verify_checksums) {
    for (const auto& entry : entries)
      if (!is_folder(entry)) entries_.emplace(name_of(entry), &entry);
  }
  Tree take(const std::string& name) {
    auto found = entries_.find(name);
    if (found == entries_.end()) throw io::JsonFault{"", "each array once", "\"" + name + "\""};
    Tree array = read_entry(file_, mapping_.get(), *found->second, verify_checksums_);
    entries_.erase(found);
    return array;
  }
  Tensor take_tensor(const std::string& name) {
    Tree array = take(name);
    if (!array.is_tensor()) throw io::Fault(name, "an array of numbers", "another array");
    return array.tensor();
  }
  bool contains(const std::string& name) const { return entries_.contains(name); }
  void expect_none() const {
    if (!entries_.empty())
      throw io::Fault(entries_.begin()->second->name,
                      "an array that " + std::string(kTreeName) + " names", "another");
  }

 private:
  const io::InputFile& file_;
  std::shared_ptr<io::FileMapping> mapping_;
  bool verify_checksums_;
  std::unordered_map<std::string, const io::ZipEntry*> entries_;
};

Tree our_tree(Arrays& arrays) {
  Tensor bytes = arrays.take_tensor(std::string(kTreeName));
  if (bytes.scalar_type() != Dtype::Byte || bytes.dim() != 1)
    throw io::Fault(std::string(kTreeName), "a vector of bytes", "another array");
  std::string text(static_cast<const char*>(bytes.const_data_ptr()), bytes.nbytes());
  Tree tree;
  try {
    tree = io::tree_from_json(io::parse_json(text),
                              [&](const std::string& name) { return arrays.take_tensor(name); });
  } catch (const io::JsonFault& fault) {
    fail_at(std::string(kTreeName), fault);
  }
  arrays.expect_none();
  return tree;
}

// What `read` gives; a value that a tree has no kind for, as a hole in the report where one is given.
template <class Read>
Tree or_hole(const std::string& name, io::Report* report, Read&& read) {
  try {
    return std::forward<Read>(read)();
  } catch (const io::Fault& fault) {
    if (report == nullptr || !fault.is_unsupported()) throw;
    report->add({name, fault.type, fault.message});
  }
  return {};
}

Tree read_npz(const io::Content& file, const LoadOptions& options) {
  const auto& entries = file.zip();
  io::check_memory(entries, options.memory_limit);
  Arrays arrays(file.file(), entries, options);
  if (arrays.contains(std::string(kTreeName))) return our_tree(arrays);
  std::vector<Tree::Item> flat;
  for (const auto& entry : entries)
    if (!is_folder(entry)) flat.emplace_back(name_of(entry), Tree());
  io::nest_names(flat);  // before their values, which may take long to read
  for (auto& [name, part] : flat)
    part = or_hole(name, options.report, [&, &name = name] { return arrays.take(name); });
  return io::nest_names(flat);
}

Tree read_npy(const io::InputFile& file, const LoadOptions& options) {
  auto mapping = options.map ? io::FileMapping::of(file) : nullptr;
  return or_hole("", options.report,
                 [&] { return read_stored(file, mapping.get(), 0, file.size()); });
}

}  // namespace

bool is_numpy(const io::Content& file) {
  if (file.start().starts_with(io::kNpyMagic)) return true;
  if (!file.is_zip()) return false;
  auto any = [&](std::string_view end) {
    return std::ranges::any_of(
        file.zip(), [&](const io::ZipEntry& entry) { return entry.name.ends_with(end); });
  };
  return (file.zip().empty() || any(kSuffix)) && !any("/data.pkl");
}

Tree load(const io::Content& file, const LoadOptions& options) {
  if (options.report) *options.report = {};
  return io::read_as(kType, kLoad, file, [&] {
    return io::with_errors({kLoad, file.file().name(), kType.what}, [&] {
      return file.start().starts_with("PK") ? read_npz(file, options)
                                            : read_npy(file.file(), options);
    });
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

}  // namespace luxtorch::numpy
