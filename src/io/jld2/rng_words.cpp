#include "io/jld2/rng_words.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace luxtorch::jld2 {
namespace {

constexpr uint64_t kMark = 0x6c7578746f726368;     // "luxtorch"
constexpr uint64_t kNoState = 0x5461736b4c6f6361;  // "TaskLoca"
constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;

// SplitMix64's finaliser (Steele, Lea, Flood 2014).
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

void append_bytes(const void* data, size_t size, std::vector<uint64_t>& words) {
  for (size_t at = 0; at < size; at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, static_cast<const char*>(data) + at, std::min<size_t>(8, size - at));
    words.push_back(word);
  }
}

void append_words(const Tree& state, std::vector<uint64_t>& words) {
  if (state.is<int64_t>()) {
    words.push_back(static_cast<uint64_t>(state.scalar<int64_t>()));
  } else if (state.is<double>()) {
    double value = state.scalar<double>();
    append_bytes(&value, sizeof value, words);
  } else if (state.is_string()) {
    std::string value = state.scalar<std::string>();
    append_bytes(value.data(), value.size(), words);
  } else if (state.is_tensor()) {
    append_bytes(state.tensor().const_data_ptr(), state.tensor().nbytes(), words);
  } else if (state.is_named()) {
    for (const auto& [name, part] : state.items()) append_words(part, words);
  } else if (state.is_tuple()) {
    for (const Tree& part : state.elements()) append_words(part, words);
  }
}

}  // namespace

std::array<uint64_t, 5> xoshiro_words(Rng rng) {
  uint64_t key = rng.key();
  return {key, mix(key + kGolden), mix(key + 2 * kGolden), mix(key + 3 * kGolden), kMark};
}

bool is_generator(std::string_view julia_type) {
  constexpr std::string_view kNames[] = {kXoshiro, "Random.TaskLocalRNG", "Random._GLOBAL_RNG",
                                         "Random.MersenneTwister", "StableRNGs.LehmerRNG"};
  return std::find(std::begin(kNames), std::end(kNames), julia_type) != std::end(kNames);
}

bool is_marked(const Tree& state, Rng rng) {
  std::vector<uint64_t> words;
  append_words(state, words);
  auto marked = xoshiro_words(rng);
  return std::equal(words.begin(), words.end(), marked.begin(), marked.end());
}

Rng rng_from(const Tree& state) {
  std::vector<uint64_t> words;
  append_words(state, words);
  if (!words.empty() && is_marked(state, Rng(words[0]))) return Rng(words[0]);
  uint64_t key = kNoState;
  for (uint64_t word : words) key = mix(key * kGolden + mix(word + kGolden));
  return Rng(key);
}

}  // namespace luxtorch::jld2
