// Damaged safetensors files: whatever the bytes say, load gives an error of the library or a value.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "io/jld2_corpus.h"
#include "io/memory_file.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/safetensors.h"

namespace luxtorch {
namespace {

std::vector<std::string> safetensors_to_damage() {
  std::vector<std::string> result;
  auto folder = test::fresh_folder("safetensors_damage");
  for (const auto& [name, tree] : test::jld2_corpus()) {
    if (name != "trained_model" && name != "special_numbers") continue;
    safetensors::save(folder / name, tree);
    result.push_back(test::read_file(folder / name));
  }
  // Without our structure, as another program would write it.
  auto& last = result.emplace_back(result.front());
  auto at = last.find("luxtorch.tree");
  last.replace(at, std::strlen("luxtorch"), "llllllll");
  return result;
}

// Anything but an Error or a value ends the test program.
bool loads_as_safetensors(const test::MemoryFile& file, const std::string& bytes) {
  file.hold(bytes);
  try {
    Tree tree = safetensors::load(file.path());
    tree::for_each([](const std::string&, const Tree&) {}, tree);
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find("[safetensors::load] at " + file.path().string()), 0U)
        << error.what();
    return false;
  }
}

TEST(SafetensorsDamage, FilesCutAnywhereGiveAnError) {
  test::MemoryFile memory;
  for (const auto& bytes : safetensors_to_damage())
    for (size_t size = 0; size < bytes.size(); ++size)
      ASSERT_FALSE(loads_as_safetensors(memory, bytes.substr(0, size))) << size;
}

TEST(SafetensorsDamage, FlippedBitsGiveAnErrorOrAValue) {
  test::MemoryFile memory;
  std::mt19937_64 random(20260711);
  int errors = 0, values = 0;
  for (const auto& original : safetensors_to_damage()) {
    for (int i = 0; i < 10000; ++i) {
      std::string bytes = original;
      bytes[random() % bytes.size()] ^= static_cast<char>(1U << random() % 8);
      (loads_as_safetensors(memory, bytes) ? values : errors)++;
    }
  }
  EXPECT_GT(errors, 1000);
  EXPECT_GT(values, 1000);
}

TEST(SafetensorsDamage, DigitsReplacedInTheHeaderGiveAnErrorOrAValue) {
  test::MemoryFile memory;
  std::mt19937_64 random(4711);
  const std::vector<std::string> nasty = {
      "0",  "-1",   "9223372036854775807", "18446744073709551615", "1e9", "null", "[]",
      "{}", "\"\"", "4294967296"};
  for (const auto& original : safetensors_to_damage()) {
    uint64_t length = 0;
    std::memcpy(&length, original.data(), sizeof length);
    std::string header = original.substr(8, length), data = original.substr(8 + length);
    for (int i = 0; i < 5000; ++i) {
      std::string changed = header;
      size_t digit = changed.find_first_of("0123456789", random() % changed.size());
      if (digit == changed.npos) continue;
      size_t end = std::min(changed.find_first_not_of("0123456789", digit), changed.size());
      changed.replace(digit, end - digit, nasty[random() % nasty.size()]);
      uint64_t size = changed.size();
      std::string prefix(reinterpret_cast<const char*>(&size), sizeof size);
      loads_as_safetensors(memory, prefix + changed + data);
    }
  }
}

}  // namespace
}  // namespace luxtorch
