// hdf5::MappedFile for the fuzzer: a copy on the heap instead of a mapping, so that AddressSanitizer
// sees every byte that is read outside the file.
#include "io/hdf5/mapped_file.h"

#include "io/base/fault.h"
#include "io/base/input_file.h"

namespace luxtorch::hdf5 {

MappedFile::MappedFile(const std::filesystem::path& path) {
  io::InputFile file("jld2::load", path);
  if (file.size() == 0) io::damaged("a JLD2 file", "an empty file");
  auto* bytes = new uint8_t[file.size()];
  file.read(0, bytes, file.size());
  bytes_ = Bytes(bytes, file.size());
}

void MappedFile::want(Bytes /*part*/) const {}
void MappedFile::forget(Bytes /*part*/) const {}

MappedFile::~MappedFile() { delete[] bytes_.data(); }

}  // namespace luxtorch::hdf5
