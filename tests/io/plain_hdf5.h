// Plain HDF5 files for tests, written by libhdf5.
#pragma once

#include <H5Cpp.h>

#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

namespace luxtorch::test {

/// What libhdf5 may use, from its oldest to its newest structures.
struct Hdf5Format {
  const char* name;
  H5F_libver_t low, high;
  uint8_t superblock;  // the version that comes of it

  friend void PrintTo(const Hdf5Format& format, std::ostream* out) { *out << format.name; }
};
std::vector<Hdf5Format> hdf5_formats();

H5::H5File create_hdf5(const std::filesystem::path& path, const Hdf5Format& format);

struct Chunked {
  std::vector<hsize_t> dims, most, chunk;
  bool deflate = false;
  bool early = false;  // all chunks are allocated at once
};

/// A dataset of int32, counting from 0 in the order of the file.
void write_counting(H5::Group& group, const std::string& name, const Chunked& shape);

/// A small file that has one of everything.
void write_hdf5_zoo(const std::filesystem::path& path, const Hdf5Format& format);

}  // namespace luxtorch::test
