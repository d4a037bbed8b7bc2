// numpy::load.
#include "luxtorch/io/numpy.h"

#include <unordered_map>

#include "io/file_fault.h"
#include "io/file_kind.h"
#include "io/file_mapping.h"
#include "io/flat_names.h"
#include "io/input_file.h"
#include "io/npy_array.h"
#include "io/npz_names.h"
#include "io/tree_json.h"
#include "io/zip_reader.h"

namespace luxtorch::numpy {
namespace {

constexpr const char* kWho = "numpy::load";

template <class Fault>
[[noreturn]] void fail_at(const std::string& name, Fault fault) {
  fault.place = fault.place.empty() || fault.place == name ? name : name + ", " + fault.place;
  throw fault;
}

// Of bytes that lie in the file as they are.
Tensor read_stored(const io::InputFile& file, const io::FileMapping* mapping, uint64_t at,
                   uint64_t size) {
  auto read = [&](void* to, uint64_t count) {
    file.read(at, to, count);
    at += count;
  };
  if (!mapping) return io::read_npy(size, read);
  return io::read_npy(
      size, read, [&](ShapeView shape, Dtype dtype) { return mapping->tensor(at, shape, dtype); });
}

Tensor read_entry(const io::InputFile& file, const io::FileMapping* mapping,
                  const io::ZipEntry& entry, bool check_sum) {
  try {
    if (mapping && !entry.deflated) return read_stored(file, mapping, entry.data, entry.size);
    io::ZipEntryReader reader(file, entry, check_sum);
    Tensor tensor =
        io::read_npy(entry.size, [&](void* to, uint64_t count) { reader.read(to, count); });
    reader.finish();
    return tensor;
  } catch (const io::FileFault& fault) {
    fail_at(entry.name, fault);
  } catch (const io::FileUnsupported& fault) {
    fail_at(entry.name, fault);
  }
}

std::string name_of(const io::ZipEntry& entry) {
  if (!entry.name.ends_with(kSuffix))
    throw io::FileUnsupported{entry.name, "expected an archive of .npy files, got another file."};
  return entry.name.substr(0, entry.name.size() - kSuffix.size());
}

// Each array once, in the order in which it is asked for.
class Arrays {
 public:
  Arrays(const io::InputFile& file, const std::vector<io::ZipEntry>& entries,
         const LoadOptions& options)
      : file_(file),
        mapping_(options.map ? io::FileMapping::of(file) : nullptr),
        check_sums_(options.check_sums) {
    for (const auto& entry : entries) entries_.emplace(name_of(entry), &entry);
  }
  Tensor take(const std::string& name) {
    auto found = entries_.find(name);
    if (found == entries_.end()) throw io::JsonFault{"", "each array once", "\"" + name + "\""};
    Tensor tensor = read_entry(file_, mapping_.get(), *found->second, check_sums_);
    entries_.erase(found);
    return tensor;
  }
  bool contains(const std::string& name) const { return entries_.contains(name); }
  void expect_none() const {
    if (!entries_.empty())
      throw io::FileFault{entries_.begin()->second->name,
                          "an array that " + std::string(kTreeName) + " names", "another"};
  }

 private:
  const io::InputFile& file_;
  std::shared_ptr<io::FileMapping> mapping_;
  bool check_sums_;
  std::unordered_map<std::string, const io::ZipEntry*> entries_;
};

Tree our_tree(Arrays& arrays) {
  Tensor bytes = arrays.take(std::string(kTreeName));
  if (bytes.scalar_type() != Dtype::Byte || bytes.dim() != 1)
    throw io::FileFault{std::string(kTreeName), "a vector of bytes", "another array"};
  std::string text(static_cast<const char*>(bytes.const_data_ptr()), bytes.nbytes());
  Tree tree;
  try {
    tree = io::tree_from_json(io::parse_json(text),
                              [&](const std::string& name) { return arrays.take(name); });
  } catch (const io::JsonFault& fault) {
    fail_at(std::string(kTreeName), fault);
  }
  arrays.expect_none();
  return tree;
}

Tree read_npz(const io::InputFile& file, const LoadOptions& options) {
  auto entries = io::read_zip_directory(file, options.inflated_limit);
  Arrays arrays(file, entries, options);
  if (arrays.contains(std::string(kTreeName))) return our_tree(arrays);
  std::vector<Tree::Item> flat;
  for (const auto& entry : entries) flat.emplace_back(name_of(entry), Tree());
  io::nest_names(flat);  // before their values, which may take long to read
  for (auto& [name, part] : flat) part = arrays.take(name);
  return io::nest_names(flat);
}

Tree read_file(const io::InputFile& file, const LoadOptions& options) {
  std::string start(std::min<uint64_t>(file.size(), io::kNpyMagic.size()), '\0');
  file.read(0, start.data(), start.size());
  if (start.starts_with("PK")) return read_npz(file, options);
  auto mapping = options.map ? io::FileMapping::of(file) : nullptr;
  return read_stored(file, mapping.get(), 0, file.size());
}

}  // namespace

Tree load(const std::filesystem::path& path, LoadOptions options) {
  return io::read_as(io::Format::kNumpy, kWho, path, [&] {
    io::InputFile file(kWho, path);
    return io::explained(kWho, path, "an npz or npy file",
                         [&] { return read_file(file, options); });
  });
}

}  // namespace luxtorch::numpy
