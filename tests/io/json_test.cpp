// JSON as the headers of files have it, and trees as JSON.
#include "io/base/json.h"

#include <gtest/gtest.h>

#include "io/base/tree_json.h"
#include "luxtorch/core/error.h"
#include "support/compare.h"
#include "utf8.h"

namespace luxtorch {
namespace {

using io::Json;
using io::JsonFault;
using io::parse_json;

// "place: expected ..., got ...", or the value in words.
std::string outcome(const std::string& text) {
  try {
    return describe(parse_json(text));
  } catch (const JsonFault& fault) {
    return fault.place + ": expected " + fault.expected + ", got " + fault.got;
  }
}

TEST(Json, NumbersKeepTheirKind) {
  EXPECT_EQ(*parse_json("9223372036854775807").as<int64_t>(), INT64_MAX);
  EXPECT_EQ(*parse_json("-9223372036854775808").as<int64_t>(), INT64_MIN);
  EXPECT_EQ(*parse_json("18446744073709551615").as<uint64_t>(), UINT64_MAX);
  EXPECT_EQ(*parse_json("1.0").as<double>(), 1.0);
  EXPECT_EQ(*parse_json("18446744073709551616").as<double>(), 18446744073709551616.0);
  EXPECT_TRUE(std::signbit(*parse_json("-0.0").as<double>()));
  EXPECT_EQ(outcome("1e999"), ": expected numbers that a double holds, got a larger one");
}

TEST(Json, MembersStayInTheTextsOrder) {
  auto json = parse_json(R"( {"b": [1, {"x": null}], "a": {"y": true}, "c": "\u00e9"} )");
  const auto& members = *json.as<io::JsonObject>();
  ASSERT_EQ(members.size(), 3U);
  EXPECT_EQ(members[0].key, "b");
  EXPECT_EQ(members[1].key, "a");
  EXPECT_TRUE(*json.find("a")->find("y")->as<bool>());
  EXPECT_EQ(*json.find("c")->as<std::string>(), "\xc3\xa9");
  EXPECT_EQ(json.find("d"), nullptr);
}

TEST(Json, MoreValuesThanAnyFileHasAreRefused) {
  std::string text = "[";
  for (size_t i = 0; i < io::kMostJsonValues; ++i) text += "0,";
  EXPECT_EQ(outcome(text + "0]"), ": expected at most 10000000 values, got more");
}

TEST(Json, WhatIsNoJsonIsRefusedWithItsPlace) {
  EXPECT_EQ(outcome(""), "byte 0: expected JSON, got something else");
  EXPECT_EQ(outcome("{\"a\": 1,}"), "byte 8: expected JSON, got something else");
  EXPECT_EQ(outcome("[1] x"), "byte 4: expected JSON, got something else");
  EXPECT_EQ(outcome("[1, 2"), "byte 5: expected JSON, got something else");
  EXPECT_EQ(outcome("nan"), "byte 1: expected JSON, got something else");
  EXPECT_EQ(outcome("\"\xff\""), "byte 1: expected JSON, got something else");
  EXPECT_EQ(outcome("[{\"a\": 1, \"b\": 2, \"a\": 3}]"), "a: expected each key once, got it twice");
}

TEST(Json, DepthIsLimited) {
  auto nested = [](size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  EXPECT_EQ(outcome(nested(io::kDeepest)), "a list of 1");
  EXPECT_EQ(outcome(nested(io::kDeepest + 1)), ": expected at most 500 levels, got more");
  EXPECT_EQ(outcome(std::string(10'000'000, '[')), ": expected at most 500 levels, got more");
}

TEST(Json, AMillionKeysAreReadInAMoment) {
  std::string text = "{";
  for (int i = 0; i < 300'000; ++i) text += "\"" + std::to_string(i) + "\": 0, ";
  EXPECT_EQ(parse_json(text + "\"last\": 0}").as<io::JsonObject>()->size(), 300'001U);
  EXPECT_EQ(outcome(text + "\"7\": 0}"), "7: expected each key once, got it twice");
}

TEST(Json, Utf8IsWhatTheStandardSays) {
  for (const char* text : {"", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8c\x80",
                           "\xed\x9f\xbf", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(detail::is_utf8(text)) << text;
  for (const char* text :
       {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf8\x88\x80\x80", "a\xffz", "\xe2\x82"})
    EXPECT_FALSE(detail::is_utf8(text)) << text;
  EXPECT_TRUE(detail::is_utf8({"a\0b", 3}));
}

TEST(TreeJson, IsReadable) {
  Tree tree = named({{"weight", Tensor()},
                     {"sizes", tuple({1, 2.5, -0.0, true, "a\n\"b\"", Tree()})},
                     {"rng", Rng(255)},
                     {"nan", std::numeric_limits<double>::infinity()},
                     {"raw", "\xff\x01"},
                     {"empty", tuple(std::vector<Tree>{})}});
  std::string text =
      R"({"weight": {".tensor": ""}, "sizes": [1, 2.5, -0.0, true, "a\n\"b\"", null], )"
      R"("rng": {".rng": "00000000000000ff"}, "nan": {".double": "7ff0000000000000"}, )"
      R"("raw": {".bytes": "ff01"}, "empty": []})";
  auto name = [](const std::string& path) { return path; };
  auto tensor = [](const std::string&) { return Tensor(); };
  EXPECT_EQ(io::tree_to_json("test", tree, name), text);
  EXPECT_SAME(io::tree_from_json(parse_json(text), tensor), tree);
  EXPECT_EQ(io::tree_to_json("test", named({{"a", tuple({1, 2})}, {"b", 3}}), name, 2),
            "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": 3\n}");
}

TEST(TreeJson, RefusesWhatItDoesNotWrite) {
  for (const char* text :
       {R"({".rng": "ff"})", R"({".rng": 3})", R"({".rng": "000000000000000g"})",
        R"({".double": null})", R"({".bytes": "f"})", R"({".bytes": "fg"})", R"({".unknown": "x"})",
        R"({".tensor": 1})", R"({"a.b": 1})", R"({"": 1})",
        R"({".rng": "0000000000000000", "x": 1})", "18446744073709551615"})
    EXPECT_THROW(io::tree_from_json(parse_json(text), [](const std::string&) { return Tensor(); }),
                 JsonFault)
        << text;
  auto name = [](const std::string& path) { return path; };
  EXPECT_ERROR(UnsupportedError,
               io::tree_to_json("test", named({{"a", named({{"\xff", 1}})}}), name),
               "[test] at a: expected keys in UTF-8, got another one. Rename it.");
}

}  // namespace
}  // namespace luxtorch
