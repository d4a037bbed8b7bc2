#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <sstream>

#include "luxtorch/core/ops.h"
#include "luxtorch/data/text.h"
#include "support/compare.h"

namespace luxtorch::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

std::string message(const std::string& text, AlphabetOptions options = {}) {
  try {
    Alphabet::of(text, options);
  } catch (const ArgumentError& e) {
    return e.what();
  }
  return "nothing was thrown";
}

TEST(Alphabet, HasTheSymbolsInTheOrderOfTheirFirstAppearanceAndTheStopAtTheEnd) {
  auto a = Alphabet::of("to be or not", {.stop = "_"});
  EXPECT_THAT(a.symbols(), ElementsAre("t", "o", " ", "b", "e", "r", "n", "_"));
  EXPECT_EQ(a.size(), 8);
  EXPECT_THAT(a.stop(), Optional(7));
  EXPECT_EQ(a.symbol(3), "b");
  EXPECT_EQ(a.index("n"), 6);
  EXPECT_EQ(a.find("x"), std::nullopt);
  EXPECT_EQ(Alphabet::of("aa").stop(), std::nullopt);
}

TEST(Alphabet, AStopThatTheTextHasKeepsItsPlace) {
  auto a = Alphabet::of("a_b", {.stop = "_"});
  EXPECT_THAT(a.symbols(), ElementsAre("a", "_", "b"));
  EXPECT_THAT(a.stop(), Optional(1));
}

TEST(Alphabet, EncodesAndDecodes) {
  auto a = Alphabet::of("abc", {.stop = "_"});
  EXPECT_SAME(a.encode("cab_"), tensor({2, 0, 1, 3}));
  EXPECT_EQ(a.decode(a.encode("cab_")), "cab_");
  EXPECT_EQ(a.decode(tensor({1, 1, 0}, {.dtype = Dtype::Int})), "bba");
  EXPECT_EQ(a.decode(tensor({2}).select(0, 0)), "c");
  EXPECT_EQ(a.encode("").numel(), 0);
  EXPECT_EQ(a.decode(a.encode("")), "");
}

TEST(Alphabet, CodePointsAreOneSymbolEachAndBytesAreToo) {
  const std::string text =
      "\x41\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xad\xc3\xa9";  // A, é, €, a mask, é
  auto points = Alphabet::of(text);
  EXPECT_EQ(points.size(), 4);
  EXPECT_EQ(points.index("\xe2\x82\xac"), 2);
  EXPECT_SAME(points.encode(text), tensor({0, 1, 2, 3, 1}));
  EXPECT_EQ(points.decode(points.encode(text)), text);
  auto bytes = Alphabet::of(text, {.symbols = Symbols::Bytes});
  EXPECT_EQ(bytes.encode(text).numel(), 12);
  EXPECT_EQ(bytes.decode(bytes.encode(text)), text);
}

TEST(Alphabet, AnyBytesComeBack) {
  std::string all;
  for (int i = 255; i >= 0; --i) all += static_cast<char>(i);
  auto a = Alphabet::of(all, {.symbols = Symbols::Bytes});
  EXPECT_EQ(a.size(), 256);
  EXPECT_EQ(a.index(std::string(1, '\0')), 255);
  EXPECT_EQ(a.decode(a.encode(all)), all);
}

RC_GTEST_PROP(Alphabet, EveryTextComesBack, ()) {
  const auto text = *rc::gen::nonEmpty(rc::gen::string<std::string>());
  auto a = Alphabet::of(text, {.symbols = Symbols::Bytes});
  RC_ASSERT(a.decode(a.encode(text)) == text);
  RC_ASSERT(Alphabet::from_string(a.to_string()) == a);
}

TEST(Alphabet, InvalidUtf8IsNamedByPositionAndByte) {
  auto expect = [](const std::string& text, const std::string& words) {
    EXPECT_THAT(message(text), HasSubstr(words)) << text;
  };
  expect("ab\xff", "got the byte 0xff at position 2");
  expect("\x80", "got the byte 0x80 at position 0");
  expect("a\xc3z", "got the byte 0x7a at position 2");            // no continuation
  expect("\xc0\xaf", "got the byte 0xc0 at position 0");          // overlong
  expect("\xe0\x80\xaf", "got the byte 0x80 at position 1");      // overlong
  expect("\xed\xa0\x80", "got the byte 0xa0 at position 1");      // a surrogate
  expect("\xf4\x90\x80\x80", "got the byte 0x90 at position 1");  // above U+10FFFF
  expect("\xf0\x9f\x8e", "got a text that ends inside a code point, at position 3");
  EXPECT_EQ(message(std::string("a\xff"), {.symbols = Symbols::Bytes}), "nothing was thrown");
}

TEST(Alphabet, TheEdgesOfUtf8AreValid) {
  for (const std::string symbol :
       {"\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    auto a = Alphabet::of(symbol + symbol);
    EXPECT_EQ(a.size(), 1);
    EXPECT_EQ(a.symbol(0), symbol);
  }
}

TEST(Alphabet, RefusesAnEmptyTextAndALongStop) {
  EXPECT_ERROR(ArgumentError, Alphabet::of(""),
               "[Alphabet] expected a text of at least one symbol, got an empty one.");
  EXPECT_ERROR(ArgumentError, Alphabet::of("a", {.stop = "<s>"}),
               "[Alphabet] expected one symbol as the stop, got \"<s>\", which is 3.");
}

TEST(Alphabet, NamesASymbolOutsideAndItsPosition) {
  auto a = Alphabet::of("abc\xc3\xa9");
  EXPECT_ERROR(ArgumentError, a.encode("ab\n"),
               "[Alphabet] expected symbols of the alphabet, which has 4, got \"\\n\" (U+000A) at "
               "position 2. encode(text, symbol) puts a symbol in the place of unknown ones.");
  EXPECT_ERROR(ArgumentError, a.encode("\xc3\xa9z"),
               "[Alphabet] expected symbols of the alphabet, which has 4, got \"z\" (U+007A) at "
               "position 1 (byte 2). encode(text, symbol) puts a symbol in the place of unknown "
               "ones.");
  EXPECT_ERROR(ArgumentError, a.index("z"),
               "[Alphabet] expected one of the alphabet's 4 symbols, got \"z\" (U+007A).");
  EXPECT_ERROR(ArgumentError, a.index("ab"),
               "[Alphabet] expected one of the alphabet's 4 symbols, got \"ab\", which is 2 "
               "symbols.");
  auto bytes = Alphabet::of("a", {.symbols = Symbols::Bytes});
  EXPECT_ERROR(ArgumentError, bytes.encode("a\xc3"),
               "[Alphabet] expected symbols of the alphabet, which has 1, got the byte 0xc3 at "
               "position 1. encode(text, symbol) puts a symbol in the place of unknown ones.");
}

TEST(Alphabet, ADefaultStandsForUnknownSymbols) {
  auto a = Alphabet::of("abc", {.stop = "_"});
  EXPECT_SAME(a.encode("axc\xc3\xa9", "_"), tensor({0, 3, 2, 3}));
  EXPECT_THROW(a.encode("a", "x"), ArgumentError);
}

TEST(Alphabet, NamesATokenOutsideAndItsPosition) {
  auto a = Alphabet::of("abc");
  EXPECT_ERROR(ArgumentError, a.decode(tensor({0, 3})),
               "[Alphabet] expected tokens from 0 to 2, got 3 at position 1.");
  EXPECT_ERROR(ArgumentError, a.decode(tensor({-1})),
               "[Alphabet] expected tokens from 0 to 2, got -1 at position 0.");
  EXPECT_ERROR(ArgumentError, a.symbol(3), "[Alphabet] expected a number from 0 to 2, got 3.");
  EXPECT_THROW(a.decode(tensor({0.5})), ShapeError);
  EXPECT_THROW(a.decode(zeros({1, 1}, {.dtype = kInt64})), ShapeError);
}

TEST(Alphabet, ComesBackFromItsString) {
  for (const auto& a : {Alphabet::of("to be\n", {.stop = "_"}), Alphabet::of(" 1 \xe2\x82\xac"),
                        Alphabet::of("\xff\x80 x", {.stop = "x", .symbols = Symbols::Bytes})}) {
    auto b = Alphabet::from_string(a.to_string());
    EXPECT_EQ(a, b);
    EXPECT_EQ(a.symbols(), b.symbols());
    EXPECT_EQ(a.stop(), b.stop());
  }
}

TEST(Alphabet, AreEqualWhenSymbolsOrderKindAndStopAre) {
  auto a = Alphabet::of("abc");
  EXPECT_EQ(a, Alphabet::of("aabbcc"));
  EXPECT_FALSE(a == Alphabet::of("acb"));
  EXPECT_FALSE(a == Alphabet::of("abc", {.stop = "c"}));
  EXPECT_FALSE(a == Alphabet::of("abc", {.symbols = Symbols::Bytes}));
}

TEST(Alphabet, RefusesADamagedString) {
  const auto good = Alphabet::of("abc", {.stop = "_"}).to_string();
  EXPECT_EQ(good, "code_points 4 3 abc_");
  for (size_t n = 0; n < good.size(); ++n)
    EXPECT_THROW(Alphabet::from_string(good.substr(0, n)), FormatError) << n;
  for (const char* bad : {"code_points 4 4 abc_", "code_points 4 -1 abc_", "code_points 4 3 abca",
                          "code_points 4 3 abc_x", "bytes 1 - \xe2\x82\xac", "words 1 - a",
                          "code_points 0 - ", "code_points 1 - \xff", "code_points x - a"}) {
    EXPECT_THROW(Alphabet::from_string(bad), FormatError) << bad;
  }
}

TEST(Alphabet, PrintsItself) {
  std::ostringstream out;
  out << Alphabet::of("abc", {.stop = "_"}) << "; "
      << Alphabet::of("a", {.symbols = Symbols::Bytes});
  EXPECT_EQ(out.str(), "Alphabet of 4 code points, stop \"_\" (U+005F); Alphabet of 1 bytes");
}

}  // namespace
}  // namespace luxtorch::data
