// The header of an npy array. Python reads it with ast.literal_eval; this reads the one form that it
// has.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "io/file_fault.h"
#include "io/npy_array.h"

namespace luxtorch::io {
namespace {

struct DtypeName {
  Dtype dtype;
  std::string_view name;  // without the byte order
};
constexpr std::array kDtypes = {
    DtypeName{Dtype::Bool, "b1"},         DtypeName{Dtype::Byte, "u1"},
    DtypeName{Dtype::Char, "i1"},         DtypeName{Dtype::UInt16, "u2"},
    DtypeName{Dtype::Short, "i2"},        DtypeName{Dtype::UInt32, "u4"},
    DtypeName{Dtype::Int, "i4"},          DtypeName{Dtype::UInt64, "u8"},
    DtypeName{Dtype::Long, "i8"},         DtypeName{Dtype::Half, "f2"},
    DtypeName{Dtype::Float, "f4"},        DtypeName{Dtype::Double, "f8"},
    DtypeName{Dtype::ComplexFloat, "c8"}, DtypeName{Dtype::ComplexDouble, "c16"}};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  NpyHeader header() {
    std::optional<std::string> descr;
    std::optional<bool> fortran;
    std::optional<std::vector<int64_t>> shape;
    expect('{');
    while (!take('}')) {
      std::string key = quoted();
      expect(':');
      if (key == "descr" && !descr) {
        descr = dtype();
      } else if (key == "fortran_order" && !fortran) {
        fortran = boolean();
      } else if (key == "shape" && !shape) {
        shape = sizes();
      } else {
        fail("descr, fortran_order and shape once each");
      }
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    skip();
    if (at_ != text_.size()) fail("nothing more");
    if (!descr || !fortran || !shape)
      throw FileFault{"the header", "descr, fortran_order and shape", "fewer"};
    NpyHeader result{Dtype::Float, false, *fortran, std::move(*shape)};
    set_dtype(result, *descr);
    return result;
  }

 private:
  [[noreturn]] void fail(const std::string& expected) const {
    std::string rest;
    if (at_ < text_.size()) append_json(rest, text_.substr(at_, 20));
    throw FileFault{fmt::format("the header, character {}", at_), expected,
                    at_ < text_.size() ? rest : "its end"};
  }
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool take(char c) {
    skip();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(fmt::format("'{}'", c));
  }
  std::string quoted() {
    char quote = take('"') ? '"' : '\'';
    if (quote == '\'') expect('\'');
    auto end = text_.find(quote, at_);
    auto text = text_.substr(at_, end == text_.npos ? 0 : end - at_);
    if (end == text_.npos || text.find('\\') != text.npos) fail("a text in quotes");
    at_ = end + 1;
    return std::string(text);
  }
  std::string dtype() {
    skip();
    if (at_ < text_.size() && text_[at_] == '[')
      throw FileUnsupported{"", "expected an array of numbers, got one of records."};
    return quoted();
  }
  bool boolean() {
    skip();
    for (auto [word, value] : {std::pair(std::string_view("True"), true), {"False", false}}) {
      if (!text_.substr(at_).starts_with(word)) continue;
      at_ += word.size();
      return value;
    }
    fail("True or False");
  }
  std::vector<int64_t> sizes() {
    std::vector<int64_t> result;
    expect('(');
    while (!take(')')) {
      skip();
      int64_t size = 0;
      const char* end = text_.data() + text_.size();
      auto [stop, error] = std::from_chars(text_.data() + at_, end, size);
      if (error != std::errc() || size < 0) fail("a size");
      at_ = static_cast<size_t>(stop - text_.data());
      take('L');  // Python 2's
      result.push_back(size);
      bool more = take(',');
      if (!more && result.size() == 1) fail("','");  // (3) is a number
      if (!more) {
        expect(')');
        break;
      }
    }
    return result;
  }
  static void set_dtype(NpyHeader& header, std::string_view name) {
    auto order = name.empty() ? ' ' : name.front();
    bool ordered = std::string_view("<>|=").find(order) != std::string_view::npos;
    auto bare = ordered ? name.substr(1) : name;
    if (name == "?") bare = "b1";
    auto found = std::ranges::find(kDtypes, bare, &DtypeName::name);
    if (found == kDtypes.end()) {
      bool objects = bare == "O";
      throw FileUnsupported{
          "", objects ? "expected an array of numbers, got one of Python's objects, which only "
                        "unpickling gives."
                      : fmt::format("expected a dtype that torch has, got \"{}\".", name)};
    }
    header.dtype = found->dtype;
    header.swapped = order == '>' && !bare.ends_with('1');
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

NpyHeader parse_npy_header(std::string_view text) { return Parser(text).header(); }

std::string npy_head(Dtype dtype, ShapeView shape) {
  auto found = std::ranges::find(kDtypes, dtype, &DtypeName::dtype);
  if (found == kDtypes.end()) return "";
  std::string text = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}{}), }}",
                                 found->name.ends_with('1') ? '|' : '<', found->name,
                                 fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
  // The magic number, the version and the length of what follows are 10 bytes, the newline is one.
  constexpr size_t kBefore = 10, kAlignment = 64;
  text.append((kAlignment - (kBefore + text.size() + 1) % kAlignment) % kAlignment, ' ');
  text += '\n';
  std::string head(kNpyMagic);
  head += {'\1', '\0'};
  head += static_cast<char>(text.size() & 0xffU);
  head += static_cast<char>(text.size() >> 8U);
  return head + text;
}

}  // namespace luxtorch::io
