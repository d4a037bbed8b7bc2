#include "io/hdf5/mapped_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "io/base/fault.h"

namespace luxtorch::hdf5 {

MappedFile::MappedFile(const io::InputFile& file) : is_mapped_(!file.in_memory()) {
  if (file.size() == 0) io::damaged("a JLD2 file", "an empty file");
  const void* memory = file.memory();
  if (is_mapped_) {
    memory = ::mmap(nullptr, file.size(), PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
    if (memory == MAP_FAILED)
      throw io::Fault(io::Fault::Kind::kPath, "a file that can be mapped", std::strerror(errno));
  }
  bytes_ = Bytes(static_cast<const uint8_t*>(memory), file.size());
}

void MappedFile::want(Bytes part) const {
#ifdef MADV_POPULATE_READ
  if (!is_mapped_) return;
  auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  auto begin = reinterpret_cast<uintptr_t>(part.data()) / page * page;
  auto end = reinterpret_cast<uintptr_t>(part.data()) + part.size();
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_POPULATE_READ);
#endif
}

void MappedFile::forget(Bytes part) const {
  if (!is_mapped_) return;  // the owner's memory would be lost
  auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  auto begin = reinterpret_cast<uintptr_t>(part.data());
  auto end = begin + part.size();
  begin = (begin + page - 1) / page * page;  // a page at the edge may belong to others
  end = end / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (is_mapped_) ::munmap(const_cast<uint8_t*>(bytes_.data()), static_cast<size_t>(bytes_.size()));
}

}  // namespace luxtorch::hdf5
