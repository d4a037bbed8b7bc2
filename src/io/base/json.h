// JSON text as values: the headers of safetensors files and the manifests of checkpoints.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace luxtorch::io {

struct Json;
struct JsonMember;
using JsonArray = std::vector<Json>;
using JsonObject = std::vector<JsonMember>;  // in the text's order

/// An integer of int64's range is an int64_t, a larger one uint64_t; a number with a fraction or an
/// exponent is a double.
struct Json {
  std::variant<std::nullptr_t, bool, int64_t, uint64_t, double, std::string, JsonArray, JsonObject>
      value;

  template <class T>
  const T* as() const {
    return std::get_if<T>(&value);
  }
  /// The member of an object; nullptr where there is none.
  const Json* find(std::string_view key) const;
};
struct JsonMember {
  std::string key;
  Json value;
};

/// What is wrong with a text: "layer_1.data_offsets", "two numbers", "a string".
struct JsonFault {
  std::string place, expected, got;
};

/// What a value is, in words: "the number 3", "an object".
std::string describe(const Json& json);

/// The value that the whole text stands for. Throws JsonFault for anything that is not JSON in
/// UTF-8, a key that an object has twice, more than `kDeepest` levels or 10 million values, and
/// numbers that no double holds.
Json parse_json(std::string_view text);
inline constexpr size_t kDeepest = 500;
inline constexpr size_t kMostJsonValues = 10'000'000;

/// Behind `out`: the string in quotes (UTF-8), the shortest number that reads back as the same
/// finite double.
void append_json(std::string& out, std::string_view text);
void append_json(std::string& out, double number);

}  // namespace luxtorch::io
