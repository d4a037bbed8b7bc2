// Damaged files: whatever the bytes say, load gives an error of the library or a value.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "../../src/io/hdf5/bytes.h"
#include "io/jld2_corpus.h"
#include "io/memory_file.h"
#include "io/plain_hdf5.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/jld2.h"
#include "support/files.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;

struct File {
  std::string name;
  std::string bytes;
  size_t start = 512;  // of what is not the user block
};

// Small files of ours and of JLD2.jl's.
std::vector<File> julia_files() {
  std::vector<File> result;
  auto folder = test::fresh_folder("jld2_damage_sources");
  for (const auto& [name, tree] : test::jld2_corpus()) {
    if (name != "trained_model" && name != "compressible" && name != "leaves_nested" &&
        name != "views")
      continue;
    jld2::save(folder / name, tree, {.compress = name == "compressible"});
    result.push_back({name, test::read_file(folder / name)});
  }
  for (const char* version : {"0.4.31", "0.6.5"})
    for (const char* name : {"trained_model_xoshiro", "compressed", "zoo"}) {
      auto path =
          fs::path(test::golden_folder()) / "jld2" / version / (std::string(name) + ".jld2");
      result.push_back({std::string(version) + "/" + name, test::read_file(path)});
    }
  result.push_back(
      {"zstd", test::read_file(test::golden_folder() + "/jld2/0.6.5/filter_shuffle_zstd.jld2")});
  for (const test::Hdf5Format& format : test::hdf5_formats()) {
    test::write_hdf5_zoo(folder / format.name, format);
    result.push_back({format.name, test::read_file(folder / format.name), 0});
  }
  return result;
}

using test::MemoryFile;

enum class Outcome { kError, kValue };

// Anything but an Error or a value ends the test program.
Outcome try_to_load(const MemoryFile& file, const std::string& bytes,
                    jld2::Report* report = nullptr) {
  file.hold(bytes);
  try {
    Tree tree = jld2::load(file.path(), {.report = report});
    tree::for_each([](const std::string&, const Tree&) {}, tree);
    return Outcome::kValue;
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find("[jld2::load] at " + file.path().string()), 0U)
        << error.what();
    return Outcome::kError;
  }
}

uint32_t checksum(const std::string& bytes, size_t from, size_t size) {
  return hdf5::lookup3({reinterpret_cast<const uint8_t*>(bytes.data()) + from, size});
}

void put(std::string& bytes, size_t at, uint32_t value) { std::memcpy(&bytes[at], &value, 4); }

// Makes all checksums right again, so that damage gets past them: those of the superblock and of
// chunk indices, and of object headers whose first flags are JLD2's and libhdf5's (sizes of 1 to 4
// bytes).
void repair_checksums(std::string& bytes) {
  if (bytes.size() < 560) return;
  constexpr std::pair<const char*, size_t> kBlocks[] = {
      {"\x89HDF", 48}, {"BTHD", 38}, {"FRHP", 146}, {"FAHD", 28}, {"EAHD", 72}};
  for (auto [signature, size] : kBlocks)
    for (size_t at = bytes.find(signature); at != std::string::npos && at + size <= bytes.size();
         at = bytes.find(signature, at + 1))
      if (*signature != '\x89' || bytes[at + 8] >= 2)
        put(bytes, at + size - 4, checksum(bytes, at, size - 4));
  for (size_t at = bytes.find("OHDR"); at != std::string::npos; at = bytes.find("OHDR", at + 1)) {
    size_t width = size_t{1} << (bytes[at + 5] & 3);
    size_t begin =
        at + 6 + ((bytes[at + 5] & 0x20) != 0 ? 16 : 0) + ((bytes[at + 5] & 0x10) != 0 ? 4 : 0);
    if (width > 4 || begin + width > bytes.size()) continue;
    size_t size = 0;
    std::memcpy(&size, &bytes[begin], width);
    size_t end = begin + width + size;
    if (end + 4 <= bytes.size()) put(bytes, end, checksum(bytes, at, end - at));
  }
}

TEST(Jld2Damage, FilesCutAtEveryByteGiveAnError) {
  MemoryFile memory;
  for (const File& file : julia_files())
    // The large ones at fewer.
    for (size_t size = 0; size < file.bytes.size(); size += file.bytes.size() < 40000 ? 1 : 64)
      ASSERT_EQ(try_to_load(memory, file.bytes.substr(0, size)), Outcome::kError)
          << file.name << " " << size;
}

TEST(Jld2Damage, TenThousandFlippedBitsPerFileGiveAnErrorOrAValue) {
  MemoryFile memory;
  std::mt19937_64 random(20240711);
  int errors = 0;
  for (const File& file : julia_files()) {
    int count = file.bytes.size() > 60000 ? 2000 : 10000;
    for (int i = 0; i < count; ++i) {
      std::string bytes = file.bytes;
      bytes[random() % bytes.size()] ^= static_cast<char>(1U << random() % 8);
      errors += try_to_load(memory, bytes) == Outcome::kError ? 1 : 0;
    }
  }
  EXPECT_GT(errors, 0);
}

TEST(Jld2Damage, BytesChangedBehindRightChecksumsGiveAnErrorOrAValue) {
  MemoryFile memory;
  std::mt19937_64 random(4711);
  constexpr uint64_t kNasty[] = {0,
                                 1,
                                 0x7f,
                                 0x80,
                                 0xff,
                                 0xffff,
                                 0x7fffffff,
                                 0xffffffff,
                                 0x7fffffffffffffff,
                                 0xffffffffffffffff};
  int values = 0;
  for (const File& file : julia_files()) {
    int count = file.bytes.size() > 60000 ? 2000 : 10000;
    for (int i = 0; i < count; ++i) {
      std::string bytes = file.bytes;
      for (uint64_t n = 1 + random() % 3; n > 0; --n) {
        size_t at = file.start + random() % (bytes.size() - file.start - 8);
        uint64_t kind = random() % 4;
        if (kind == 0) bytes[at] ^= static_cast<char>(1U << random() % 8);
        if (kind == 1) bytes[at] = static_cast<char>(random());
        if (kind == 2)
          std::memcpy(&bytes[at], &kNasty[random() % std::size(kNasty)], 1U << random() % 4);
        // Another part of the file: addresses and whole messages in the wrong place.
        if (kind == 3) std::memcpy(&bytes[at], &file.bytes[random() % (bytes.size() - 8)], 8);
      }
      repair_checksums(bytes);
      jld2::Report report;
      values +=
          try_to_load(memory, bytes, i % 2 == 0 ? &report : nullptr) == Outcome::kValue ? 1 : 0;
    }
  }
  EXPECT_GT(values, 0);
}

TEST(Jld2Damage, RepairedChecksumsAreRight) {
  MemoryFile memory;
  for (const File& file : julia_files()) {
    std::string bytes = file.bytes;
    repair_checksums(bytes);
    EXPECT_EQ(try_to_load(memory, bytes), Outcome::kValue) << file.name;
  }
}

}  // namespace
}  // namespace luxtorch
