#include "fuzz/reading.h"

#include <ATen/core/Tensor.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "luxtorch/core/error.h"

namespace luxtorch::fuzz {
namespace {

void require(bool holds, const std::string& what) {
  if (!holds) throw std::logic_error(what);
}

class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    auto written = ::pwrite(descriptor_, bytes.data(), bytes.size(), 0);
    require(written == static_cast<ssize_t>(bytes.size()), "no file in memory");
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

void look_at(const Tensor& tensor) {
  if (!tensor.defined() || tensor.numel() == 0) return;
  int64_t last = tensor.storage_offset();
  for (int64_t d = 0; d < tensor.dim(); ++d) last += (tensor.size(d) - 1) * tensor.stride(d);
  size_t end = (static_cast<size_t>(last) + 1) * tensor.itemsize();
  require(tensor.storage_offset() >= 0 && end <= tensor.storage().nbytes(),
          "a tensor outside its storage");
  const auto* bytes = static_cast<const uint8_t*>(tensor.storage().data());
  const volatile uint8_t* edges[] = {bytes, bytes + end - 1};
  for (const volatile uint8_t* edge : edges) static_cast<void>(*edge);
  if (tensor.scalar_type() == kBool)
    require(std::all_of(bytes, bytes + end, [](uint8_t byte) { return byte <= 1; }),
            "a bool that is neither false nor true");
}

void look_at(const Tree& tree) {
  if (tree.is_tensor()) look_at(tree.tensor());
  if (tree.is_tuple())
    for (const Tree& part : tree.elements()) look_at(part);
  if (tree.is_named())
    for (const auto& [name, part] : tree.items()) look_at(part);
}

bool loads_as(std::string_view who, const std::string& name, const std::function<Tree()>& load) {
  try {
    look_at(load());
    return true;
  } catch (const Error& error) {
    std::string start = "[" + std::string(who) + "] at " + name;
    require(std::string_view(error.what()).starts_with(start), error.what());
    return false;
  }
}

}  // namespace

bool loads(std::string_view who, std::string_view bytes,
           const std::function<Tree(std::span<const std::byte>)>& load) {
  auto given = std::as_bytes(std::span(bytes));
  std::vector<std::byte> file(given.begin(), given.end());
  return loads_as(who, "the bytes", [&] { return load(file); });
}

bool loads_file(std::string_view who, std::string_view bytes,
                const std::function<Tree(const std::filesystem::path&)>& load) {
  MemoryFile file(bytes);
  return loads_as(who, file.path().string(), [&] { return load(file.path()); });
}

}  // namespace luxtorch::fuzz
