// The fuzzer's targets without a fuzzer: its seeds as they are, and some thousand changed ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "fuzz/seeds.h"
#include "fuzz/target.h"
#include "io/formats.h"
#include "support/files.h"

namespace luxtorch::fuzz {

void PrintTo(const Target& target, std::ostream* out) { *out << target.name; }

namespace {

// Changes like libFuzzer's.
class Changes {
 public:
  explicit Changes(uint64_t seed) : random_(seed) {}

  void operator()(std::string& bytes, size_t most) {
    for (uint64_t left = 1 + below(3); left > 0; --left) change(bytes);
    bytes.resize(std::min(bytes.size(), most));
  }
  uint64_t below(uint64_t limit) { return random_() % limit; }

 private:
  void change(std::string& bytes) {
    static constexpr uint64_t kNasty[] = {0,      1,          0x7f,       0x80,      0xff,
                                          0xffff, 0x7fffffff, 0xffffffff, INT64_MAX, UINT64_MAX};
    if (bytes.empty()) bytes.push_back(0);
    size_t at = below(bytes.size()), from = below(bytes.size());
    size_t length = std::min(1 + below(8), bytes.size() - std::max(at, from));
    uint64_t kind = below(6);
    if (kind == 0) bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(8));
    if (kind == 1) bytes[at] = static_cast<char>(random_());
    if (kind == 2) std::memcpy(&bytes[at], &kNasty[below(std::size(kNasty))], length);
    if (kind == 3) std::memmove(&bytes[at], &bytes[from], length);
    if (kind == 4) bytes.insert(at, bytes.substr(from, length));
    if (kind == 5) bytes.erase(at, length);
  }

  std::mt19937_64 random_;
};

class Fuzz : public ::testing::TestWithParam<Target> {
 protected:
  std::vector<Seed> seeds() const {
    return fuzz::seeds(GetParam().name, test::fresh_folder("fuzz_seeds"));
  }
};

TEST(Targets, EachFormatHasOne) {
  for (const auto& format : io::formats()) {
    auto reads = [&](const Target& target) {
      return std::ranges::count(target.formats, format.name) == 1;
    };
    auto all = targets();
    EXPECT_EQ(std::ranges::count_if(all, reads), 1) << format.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Fuzz, ::testing::ValuesIn(targets()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(Fuzz, SeedsAreRead) {
  auto files = seeds();
  EXPECT_GT(files.size(), 5U);
  for (const auto& [name, bytes] : files) EXPECT_TRUE(GetParam().read(bytes)) << name;
}

TEST_P(Fuzz, DamagedSeedsGiveAnErrorOrAValue) {
  constexpr size_t kMost = 1U << 18U;
  auto files = seeds();
  Changes changes(20260714);
  int values = 0, errors = 0;
  for (int i = 0; i < 6000; ++i) {
    const auto& [name, bytes] = files[changes.below(files.size())];
    auto seed = static_cast<uint32_t>(changes.below(UINT32_MAX));
    std::string damaged = GetParam().damage(bytes, kMost, seed, std::ref(changes));
    ASSERT_NO_THROW((GetParam().read(damaged) ? values : errors)++) << name << ", round " << i;
  }
  // Else the changes would be none, or none would get past the checksums.
  EXPECT_GT(values, 100);
  EXPECT_GT(errors, 100);
}

TEST_P(Fuzz, UnchangedSeedsAreReadWithTheirChecksumsWrittenAnew) {
  for (const auto& [name, bytes] : seeds())
    for (uint32_t seed = 1; seed < 16; ++seed)
      ASSERT_TRUE(
          GetParam().read(GetParam().damage(bytes, bytes.size() + 1024, seed, [](auto&&...) {})))
          << name << ", " << seed;
}

}  // namespace
}  // namespace luxtorch::fuzz
