#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ostream>

#include "luxtorch/core/error.h"
#include "luxtorch/data/text.h"
#include "text.h"
#include "utf8.h"

namespace luxtorch::data {

namespace {

using luxtorch::detail::kInvalid;
using luxtorch::detail::next_code_point;

constexpr auto kWho = "Alphabet";

[[noreturn]] void invalid(std::string_view text, size_t at) {
  throw ArgumentError(
      kWho,
      at < text.size()
          ? fmt::format("expected UTF-8, got the byte 0x{:02x} at position {}. Use .symbols = "
                        "Symbols::Bytes for a text in another encoding.",
                        static_cast<unsigned char>(text[at]), at)
          : fmt::format("expected UTF-8, got a text that ends inside a code point, at position {}. "
                        "Was it cut?",
                        at));
}

// f(code, position in bytes) of every symbol.
template <class F>
void for_each_symbol(Symbols kind, std::string_view text, F f) {
  if (kind == Symbols::Bytes) {
    for (size_t at = 0; at < text.size(); ++at) f(static_cast<unsigned char>(text[at]), at);
    return;
  }
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const uint32_t code = next_code_point(text, at);
    if (code == kInvalid) invalid(text, at);
    f(code, start);
  }
}

// In valid UTF-8 every code point has one byte that is not a continuation.
int64_t count_symbols(Symbols kind, std::string_view text) {
  if (kind == Symbols::Bytes) return static_cast<int64_t>(text.size());
  return std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; });
}

std::string shown(Symbols kind, uint32_t code) {
  return kind == Symbols::Bytes && code >= 0x80 ? fmt::format("the byte 0x{:02x}", code)
                                                : luxtorch::detail::shown_code_point(code);
}

// The one symbol of a text, nothing where it has none or several.
std::optional<uint32_t> only_symbol(Symbols kind, std::string_view text) {
  uint32_t found = 0;
  int64_t n = 0;
  for_each_symbol(kind, text, [&](uint32_t code, size_t) { found = code, ++n; });
  return n == 1 ? std::optional(found) : std::nullopt;
}

}  // namespace

void Alphabet::add_(uint32_t code) {
  if (number(code) >= 0) return;
  if (code >= numbers_.size()) numbers_.resize(std::max<size_t>(256, code + 1), -1);
  numbers_[code] = static_cast<int32_t>(codes_.size());
  codes_.push_back(code);
  if (kind_ == Symbols::Bytes) {
    text_ += static_cast<char>(code);
  } else {
    luxtorch::detail::append_code_point(text_, code);
  }
  starts_.push_back(static_cast<uint32_t>(text_.size()));
}

Alphabet Alphabet::of(std::string_view text, const AlphabetOptions& options) {
  if (text.empty()) {
    throw ArgumentError(kWho, "expected a text of at least one symbol, got an empty one.");
  }
  Alphabet alphabet;
  alphabet.kind_ = options.symbols;
  for_each_symbol(options.symbols, text, [&](uint32_t code, size_t) { alphabet.add_(code); });
  if (!options.stop.empty()) {
    auto stop = only_symbol(options.symbols, options.stop);
    if (!stop) {
      throw ArgumentError(kWho,
                          fmt::format("expected one symbol as the stop, got \"{}\", which is "
                                      "{}.",
                                      options.stop, count_symbols(options.symbols, options.stop)));
    }
    alphabet.add_(*stop);
    alphabet.stop_ = alphabet.number(*stop);
  }
  return alphabet;
}

std::string_view Alphabet::symbol(int64_t n) const {
  if (n < 0 || n >= size()) {
    throw ArgumentError(kWho,
                        fmt::format("expected a number from 0 to {}, got {}.", size() - 1, n));
  }
  auto start = starts_[static_cast<size_t>(n)];
  return std::string_view(text_).substr(start, starts_[static_cast<size_t>(n) + 1] - start);
}

std::vector<std::string> Alphabet::symbols() const {
  std::vector<std::string> all;
  for (int64_t n = 0; n < size(); ++n) all.emplace_back(symbol(n));
  return all;
}

std::optional<int64_t> Alphabet::find(std::string_view symbol) const {
  auto code = only_symbol(kind_, symbol);
  if (!code || number(*code) < 0) return std::nullopt;
  return number(*code);
}

int64_t Alphabet::index(std::string_view symbol) const {
  if (auto found = find(symbol)) return *found;
  auto code = only_symbol(kind_, symbol);
  throw ArgumentError(kWho,
                      fmt::format("expected one of the alphabet's {} symbols, got {}.", size(),
                                  code ? shown(kind_, *code)
                                       : fmt::format("\"{}\", which is {} symbols", symbol,
                                                     count_symbols(kind_, symbol))));
}

Tensor Alphabet::encode(std::string_view text, std::optional<std::string_view> otherwise) const {
  const int32_t unknown = otherwise ? static_cast<int32_t>(index(*otherwise)) : -1;
  auto tokens = at::empty({count_symbols(kind_, text)}, at::TensorOptions().dtype(kInt64));
  auto* begin = tokens.mutable_data_ptr<int64_t>();
  auto* to = begin;
  for_each_symbol(kind_, text, [&](uint32_t code, size_t at) {
    int32_t n = number(code);
    if (n < 0) n = unknown;
    if (n < 0) {
      auto position = static_cast<size_t>(to - begin);
      throw ArgumentError(
          kWho,
          fmt::format("expected symbols of the alphabet, which has {}, got {} at position {}{}. "
                      "encode(text, symbol) puts a symbol in the place of unknown ones.",
                      size(), shown(kind_, code), position,
                      position == at ? std::string() : fmt::format(" (byte {})", at)));
    }
    *to++ = n;
  });
  return tokens;
}

std::string Alphabet::decode(std::span<const int64_t> tokens) const {
  std::string text;
  text.reserve(tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] < 0 || tokens[i] >= size()) {
      throw ArgumentError(kWho, fmt::format("expected tokens from 0 to {}, got {} at position {}.",
                                            size() - 1, tokens[i], i));
    }
    text += symbol(tokens[i]);
  }
  return text;
}

std::string Alphabet::decode(const Tensor& tokens) const {
  bool fits = tokens.defined() && tokens.dim() <= 1 &&
              c10::isIntegralType(tokens.scalar_type(), /*includeBool=*/false);
  if (!fits) {
    throw ShapeError(
        kWho, fmt::format("expected tokens (n), integers, got {}.", describe_kind(Tree(tokens))));
  }
  auto here = tokens.cpu().to(kInt64).contiguous();
  return decode({here.const_data_ptr<int64_t>(), static_cast<size_t>(here.numel())});
}

// "code_points 66 65 " or "bytes 256 - ", then the symbols, bytes as the code points U+0000 ...
// U+00FF.
std::string Alphabet::to_string() const {
  std::string text = fmt::format("{} {} {} ", kind_ == Symbols::Bytes ? "bytes" : "code_points",
                                 size(), stop_ ? std::to_string(*stop_) : "-");
  for (auto code : codes_) luxtorch::detail::append_code_point(text, code);
  return text;
}

Alphabet Alphabet::from_string(std::string_view text) {
  auto refuse = [] {
    throw FormatError(
        kWho, "expected a text that to_string made, got another one. Was the file changed?");
  };
  std::string_view words[3];
  auto rest = text;
  for (auto& word : words) {
    auto space = rest.find(' ');
    if (space == rest.npos) refuse();
    word = rest.substr(0, space);
    rest.remove_prefix(space + 1);
  }
  auto integer = [&](std::string_view word) {
    int64_t n = -1;
    auto end = std::from_chars(word.data(), word.data() + word.size(), n);
    if (end.ec != std::errc() || end.ptr != word.data() + word.size() || n < 0) refuse();
    return n;
  };
  Alphabet alphabet;
  if (words[0] != "bytes" && words[0] != "code_points") refuse();
  alphabet.kind_ = words[0] == "bytes" ? Symbols::Bytes : Symbols::CodePoints;
  int64_t codes = 0;
  for (size_t at = 0; at < rest.size(); ++codes) {
    auto code = next_code_point(rest, at);
    if (code == kInvalid || (alphabet.kind_ == Symbols::Bytes && code > 0xff)) refuse();
    alphabet.add_(code);
  }
  // Fewer symbols than codes: one stands there twice.
  const int64_t n = integer(words[1]);
  if (n < 1 || codes != n || alphabet.size() != n) refuse();
  if (words[2] != "-") {
    alphabet.stop_ = integer(words[2]);
    if (*alphabet.stop_ >= n) refuse();
  }
  return alphabet;
}

std::ostream& operator<<(std::ostream& out, const Alphabet& a) {
  out << "Alphabet of " << a.size() << (a.kind_ == Symbols::Bytes ? " bytes" : " code points");
  if (a.stop_) out << ", stop " << shown(a.kind_, a.codes_[static_cast<size_t>(*a.stop_)]);
  return out;
}

}  // namespace luxtorch::data
