#include "io/base/tree_json.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cmath>

#include "luxtorch/core/error.h"
#include "text.h"
#include "utf8.h"

namespace luxtorch::io {
namespace {

struct Writer {
  const char* who;
  const std::function<std::string(const std::string&)>& name;
  int indent;
  std::string out;

  [[noreturn]] void refuse(const std::string& path, const std::string& message) const {
    UnsupportedError error(who, message);
    error.prepend_path_(path);
    throw error;
  }

  void line(size_t level) {
    if (indent > 0) out += '\n' + std::string(level * static_cast<size_t>(indent), ' ');
  }

  void special(std::string_view key, std::string_view text) {
    out += fmt::format("{{\"{}\": ", key);
    append_json(out, text);
    out += '}';
  }

  void leaf(const std::string& path, const Tree& t) {
    if (t.is_none()) {
      out += "null";
    } else if (t.is_tensor()) {
      special(".tensor", t.tensor().defined() ? name(path) : "");
    } else if (t.is<bool>()) {
      out += t.scalar<bool>() ? "true" : "false";
    } else if (t.is<int64_t>()) {
      out += std::to_string(t.scalar<int64_t>());
    } else if (t.is<double>()) {
      auto number = t.scalar<double>();
      if (std::isfinite(number)) {
        append_json(out, number);
      } else {
        special(".double", fmt::format("{:016x}", std::bit_cast<uint64_t>(number)));
      }
    } else if (t.is_rng()) {
      special(".rng", fmt::format("{:016x}", t.scalar<Rng>().key()));
    } else if (auto text = t.scalar<std::string>(); detail::is_utf8(text)) {
      append_json(out, text);
    } else {
      std::string digits;
      for (unsigned char byte : text) digits += fmt::format("{:02x}", byte);
      special(".bytes", digits);
    }
  }

  void write(const std::string& path, const Tree& t, size_t level) {
    if (t.is_leaf()) return leaf(path, t);
    if (level >= kDeepest)
      refuse(path,
             fmt::format("expected a tree of at most {} levels, got a deeper one.", kDeepest));
    out += t.is_named() ? '{' : '[';
    for (size_t i = 0; i < t.size(); ++i) {
      if (i > 0) out += indent > 0 ? "," : ", ";
      line(level + 1);
      if (t.is_tuple()) {
        write(path_below(path, std::to_string(i)), t.elements()[i], level + 1);
        continue;
      }
      const auto& [key, part] = t.items()[i];
      if (!detail::is_utf8(key))
        refuse(path, "expected keys in UTF-8, got another one. Rename it.");
      append_json(out, key);
      out += ": ";
      write(path_below(path, key), part, level + 1);
    }
    if (t.size() > 0) line(level);
    out += t.is_named() ? '}' : ']';
  }
};

// Where a value is: a list's element or an object's member. It becomes a text only in an error, since
// those of all values may be far longer than the JSON itself.
struct Place {
  const Place* above = nullptr;
  std::string_view key = {};
  size_t index = 0;

  std::string text() const {
    if (!above) return "";
    std::string front = above->text();
    return front + (front.empty() ? "" : ".") +
           (key.empty() ? std::to_string(index) : std::string(key));
  }
};

struct Reader {
  const std::function<Tensor(const std::string&)>& tensor;

  [[noreturn]] static void fail(const Place& place, std::string expected, const Json& got) {
    throw JsonFault{place.text(), std::move(expected), describe(got)};
  }

  static uint64_t hexadecimal(const Place& place, const Json& json, size_t digits) {
    const auto* text = json.as<std::string>();
    uint64_t number = 0;
    if (text && text->size() == digits) {
      auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number, 16);
      if (error == std::errc() && end == text->data() + text->size()) return number;
    }
    fail(place, fmt::format("{} hexadecimal digits", digits), json);
  }

  static std::string bytes(const Place& place, const Json& json) {
    const auto* text = json.as<std::string>();
    std::string result;
    if (!text || text->size() % 2 != 0) fail(place, "hexadecimal digits", json);
    for (size_t i = 0; i < text->size(); i += 2)
      result += static_cast<char>(hexadecimal(place, {text->substr(i, 2)}, 2));
    return result;
  }

  Tree special(const Place& place, const std::string& key, const Json& part) const {
    if (key == ".rng") return Rng(hexadecimal(place, part, 16));
    if (key == ".double") return std::bit_cast<double>(hexadecimal(place, part, 16));
    if (key == ".bytes") return bytes(place, part);
    const auto* text = part.as<std::string>();
    if (key != ".tensor" || !text) fail(place, "a value", part);
    return text->empty() ? Tree(Tensor()) : Tree(tensor(*text));
  }

  Tree read(const Place& place, const Json& json) const {
    if (json.as<std::nullptr_t>()) return {};
    if (const auto* b = json.as<bool>()) return *b;
    if (const auto* i = json.as<int64_t>()) return *i;
    if (const auto* d = json.as<double>()) return *d;
    if (const auto* s = json.as<std::string>()) return *s;
    if (const auto* array = json.as<JsonArray>()) {
      std::vector<Tree> elements;
      for (const auto& part : *array)
        elements.push_back(read({.above = &place, .index = elements.size()}, part));
      return tuple(std::move(elements));
    }
    const auto* object = json.as<JsonObject>();
    if (!object) fail(place, "an int64", json);
    if (object->size() == 1 && object->front().key.starts_with('.'))
      return special(place, object->front().key, object->front().value);
    std::vector<Tree::Item> items;
    for (const auto& [key, part] : *object) {
      if (key.empty() || key.find('.') != key.npos)
        throw JsonFault{place.text(), "keys of a tree, without dots", "\"" + key + "\""};
      items.emplace_back(key, read({.above = &place, .key = key}, part));
    }
    return named(std::move(items));
  }
};

}  // namespace

std::string tree_to_json(const char* who, const Tree& tree,
                         const std::function<std::string(const std::string& path)>& name,
                         int indent) {
  Writer writer{who, name, indent, {}};
  writer.write("", tree, 0);
  return std::move(writer.out);
}

Tree tree_from_json(const Json& json,
                    const std::function<Tensor(const std::string& name)>& tensor) {
  return Reader{tensor}.read({}, json);
}

}  // namespace luxtorch::io
