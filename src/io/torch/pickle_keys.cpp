#include "io/torch/pickle_keys.h"

#include <fmt/format.h>

#include "text.h"

namespace luxtorch::io {
namespace {

constexpr size_t kLongest = 4096, kLevels = 8;

std::string quoted(std::string_view text, bool is_bytes) {
  char quote = text.find('\'') != text.npos && text.find('"') == text.npos ? '"' : '\'';
  std::string result(1, quote);
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\') {
      result += '\\';
      result += c;
    } else if (c == '\n' || c == '\r' || c == '\t') {
      result += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
    } else if (byte < 0x20 || byte == 0x7f || (is_bytes && byte > 0x7f)) {
      result += fmt::format("\\x{:02x}", byte);
    } else {
      result += c;
    }
  }
  return result + quote;
}

class Printer {
 public:
  explicit Printer(const Pickle& pickle) : pickle_(pickle) {}
  std::string text;

  bool print(PickleId id, size_t level) {
    const PickleValue& value = pickle_[id];
    if (level > kLevels) return false;
    if (std::holds_alternative<PickleNone>(value)) {
      text += "None";
    } else if (const auto* b = std::get_if<bool>(&value)) {
      text += *b ? "True" : "False";
    } else if (const auto* i = std::get_if<int64_t>(&value)) {
      text += std::to_string(*i);
    } else if (const auto* d = std::get_if<double>(&value)) {
      text += number_text(*d);
    } else if (const auto* string = std::get_if<std::string>(&value)) {
      text += quoted(*string, false);
    } else if (const auto* bytes = std::get_if<PickleBytes>(&value)) {
      text += "b" + quoted(bytes->bytes, true);
    } else if (const auto* sequence = std::get_if<PickleSequence>(&value)) {
      return print(*sequence, level);
    } else {
      return false;
    }
    return text.size() <= kLongest;
  }

 private:
  bool print(const PickleSequence& sequence, size_t level) {
    text += '(';
    for (size_t i = 0; i < sequence.parts.size(); ++i) {
      if (i > 0) text += ", ";
      if (!print(sequence.parts[i], level + 1)) return false;
    }
    text += sequence.parts.size() == 1 ? ",)" : ")";
    return text.size() <= kLongest;
  }

  const Pickle& pickle_;
};

}  // namespace

std::optional<std::string> key_text(const Pickle& pickle, PickleId id) {
  if (const auto* text = std::get_if<std::string>(&pickle[id])) return *text;
  Printer printer(pickle);
  if (!printer.print(id, 0)) return std::nullopt;
  return std::move(printer.text);
}

}  // namespace luxtorch::io
