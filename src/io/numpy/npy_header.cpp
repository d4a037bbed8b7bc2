// The header of an npy array. Python reads it with ast.literal_eval; this reads the one form that it
// has.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "io/base/fault.h"
#include "io/numpy/npy_array.h"

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
      throw Fault("the header", "descr, fortran_order and shape", "fewer");
    NpyHeader result;
    result.fortran = *fortran;
    result.shape = std::move(*shape);
    set_dtype(result, *descr);
    return result;
  }

 private:
  [[noreturn]] void fail(const std::string& expected) const {
    std::string rest;
    if (at_ < text_.size()) append_json(rest, text_.substr(at_, 20));
    throw Fault(fmt::format("the header, character {}", at_), expected,
                at_ < text_.size() ? rest : "its end");
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
      throw Fault::unsupported(
          "",
          "expected an array of numbers, got one of records. Save each field as an "
          "array of its own.",
          records());
    return quoted();
  }
  // The list that begins here, up to the bracket that ends it.
  std::string records() const {
    size_t depth = 0, at = at_;
    do {
      depth += text_[at] == '[' ? 1 : 0;
      depth -= text_[at] == ']' ? 1 : 0;
    } while (++at < text_.size() && depth > 0);
    constexpr size_t kMost = 200;
    auto list = text_.substr(at_, std::min(at - at_, kMost));
    return std::string(list) + (at - at_ > kMost ? "..." : "");
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
  static void set_dtype(NpyHeader& header, const std::string& name) {
    auto order = name.empty() ? ' ' : name.front();
    bool ordered = std::string_view("<>|=").find(order) != std::string_view::npos;
    auto bare = std::string_view(name).substr(ordered ? 1 : 0);
    if (name == "?") bare = "b1";
    header.swapped = order == '>' && !bare.ends_with('1');
    auto found = std::ranges::find(kDtypes, bare, &DtypeName::name);
    if (name == "<V2" || name == "<f1") {  // numpy's own void is |V2, and it has no f1
      header.dtype = name == "<V2" ? Dtype::BFloat16 : Dtype::Float8_e5m2;
    } else if (found != kDtypes.end()) {
      header.dtype = found->dtype;
    } else if (auto width = text_width(bare)) {
      header.elements = bare.front() == 'U' ? NpyElements::kUnicode : NpyElements::kBytes;
      header.text_width = *width;
      header.swapped = order == '>';
    } else {
      throw Fault::unsupported("", why_not(name, bare), name);
    }
  }

  // Bytes of a text: "S5", "U5". None for anything else.
  static std::optional<uint64_t> text_width(std::string_view bare) {
    if (bare.empty() || std::string_view("SaU").find(bare.front()) == bare.npos) return {};
    uint32_t count = 0;
    const char* end = bare.data() + bare.size();
    auto [stop, error] = std::from_chars(bare.data() + 1, end, count);
    if (error != std::errc() || stop != end) return {};
    return uint64_t{count} * (bare.front() == 'U' ? 4 : 1);
  }

  static std::string why_not(const std::string& name, std::string_view bare) {
    if (bare == "O")
      return "expected an array of numbers, got one of Python's objects, which only unpickling "
             "gives.";
    if (name == "<V1")
      return "expected a dtype that the file tells, got \"<V1\", which ml_dtypes writes for its "
             "float8, "
             "float6, float4 and small integers alike. Save x.view(numpy.uint8).";
    if (bare.starts_with('M') || bare.starts_with('m'))
      return fmt::format(
          "expected a dtype that torch has, got \"{}\", dates or times. Save "
          "x.astype(numpy.int64).",
          name);
    return fmt::format("expected a dtype that torch has, got \"{}\".", name);
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
