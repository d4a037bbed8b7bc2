#include "io/hdf5/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "io/base/fault.h"

namespace luxtorch::hdf5 {
namespace {

[[noreturn]] void unreadable(std::string expected, std::string got) {
  throw io::Fault(io::Fault::Kind::kPath, std::move(expected), std::move(got));
}

struct Descriptor {
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  int fd;
};

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a pipe must fail below, not wait for a writer.
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) unreadable("a file that can be read", std::strerror(errno));
  struct stat status{};
  if (::fstat(file.fd, &status) != 0) unreadable("a file that can be read", std::strerror(errno));
  if (S_ISDIR(status.st_mode)) unreadable("a file", "a folder");
  if (!S_ISREG(status.st_mode)) unreadable("a regular file", "a device or a pipe");
  if (status.st_size == 0) io::damaged("a JLD2 file", "an empty file");
  auto size = static_cast<size_t>(status.st_size);
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (memory == MAP_FAILED) unreadable("a file that can be mapped", std::strerror(errno));
  bytes_ = Bytes(static_cast<const uint8_t*>(memory), size);
}

void MappedFile::want(Bytes part) const {
#ifdef MADV_POPULATE_READ
  auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  auto begin = reinterpret_cast<uintptr_t>(part.data()) / page * page;
  auto end = reinterpret_cast<uintptr_t>(part.data()) + part.size();
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_POPULATE_READ);
#endif
}

void MappedFile::forget(Bytes part) const {
  auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  auto begin = reinterpret_cast<uintptr_t>(part.data());
  auto end = begin + part.size();
  begin = (begin + page - 1) / page * page;  // a page at the edge may belong to others
  end = end / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  ::munmap(const_cast<uint8_t*>(bytes_.data()), static_cast<size_t>(bytes_.size()));
}

}  // namespace luxtorch::hdf5
