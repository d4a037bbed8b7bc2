#include "io/base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace luxtorch::io {
namespace {

// Builds a Json from the parser's events. Levels are counted and keys compared when an object ends,
// so that no text takes more than n log n steps or deep recursion.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return add({nullptr}); }
  bool boolean(bool b) override { return add({b}); }
  bool number_integer(int64_t i) override { return add({i}); }
  bool number_unsigned(uint64_t u) override {
    return u > static_cast<uint64_t>(INT64_MAX) ? add({u}) : add({static_cast<int64_t>(u)});
  }
  bool number_float(double d, const std::string& /*text*/) override { return add({d}); }
  bool string(std::string& s) override { return add({std::move(s)}); }
  bool binary(binary_t& /*bytes*/) override { return false; }
  bool start_object(size_t /*size*/) override { return open({JsonObject()}); }
  bool start_array(size_t /*size*/) override { return open({JsonArray()}); }
  bool key(std::string& k) override {
    keys_.push_back(std::move(k));
    return true;
  }
  bool end_array() override { return close(); }
  bool end_object() override {
    std::vector<std::string_view> keys;
    for (const auto& [name, part] : std::get<JsonObject>(open_.back().value)) keys.push_back(name);
    std::ranges::sort(keys);
    if (auto twice = std::ranges::adjacent_find(keys); twice != keys.end())
      throw JsonFault{std::string(*twice), "each key once", "it twice"};
    return close();
  }
  bool parse_error(size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    if (error.id == 406) throw JsonFault{"", "numbers that a double holds", "a larger one"};
    throw JsonFault{fmt::format("byte {}", position == 0 ? 0 : position - 1), "JSON",
                    "something else"};
  }

  Json take() { return std::move(root_); }

 private:
  bool open(Json empty) {
    if (open_.size() >= kDeepest)
      throw JsonFault{"", fmt::format("at most {} levels", kDeepest), "more"};
    open_.push_back(std::move(empty));
    return true;
  }
  bool close() {
    Json done = std::move(open_.back());
    open_.pop_back();
    return add(std::move(done));
  }
  bool add(Json part) {
    if (++count_ > kMostJsonValues)
      throw JsonFault{"", fmt::format("at most {} values", kMostJsonValues), "more"};
    if (open_.empty()) {
      root_ = std::move(part);
    } else if (auto* array = std::get_if<JsonArray>(&open_.back().value)) {
      array->push_back(std::move(part));
    } else {
      std::get<JsonObject>(open_.back().value)
          .push_back({std::move(keys_.back()), std::move(part)});
      keys_.pop_back();
    }
    return true;
  }

  Json root_;
  size_t count_ = 0;
  std::vector<Json> open_;
  std::vector<std::string> keys_;  // of open objects' members that are still to come
};

}  // namespace

const Json* Json::find(std::string_view key) const {
  const auto* object = as<JsonObject>();
  if (!object) return nullptr;
  auto found = std::ranges::find(*object, key, &JsonMember::key);
  return found == object->end() ? nullptr : &found->value;
}

std::string describe(const Json& json) {
  struct Words {
    std::string operator()(std::nullptr_t) const { return "null"; }
    std::string operator()(bool b) const { return b ? "true" : "false"; }
    std::string operator()(int64_t i) const { return fmt::format("the number {}", i); }
    std::string operator()(uint64_t u) const { return fmt::format("the number {}", u); }
    std::string operator()(double d) const { return fmt::format("the number {}", d); }
    std::string operator()(const std::string& s) const {
      constexpr size_t kShown = 60;
      return s.size() <= kShown ? "\"" + s + "\"" : "\"" + s.substr(0, kShown) + "...\"";
    }
    std::string operator()(const JsonArray& a) const {
      return fmt::format("a list of {}", a.size());
    }
    std::string operator()(const JsonObject&) const { return "an object"; }
  };
  return std::visit(Words(), json.value);
}

Json parse_json(std::string_view text) {
  Builder builder;
  nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

void append_json(std::string& out, std::string_view text) {
  out += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_json(std::string& out, double number) {
  auto text = fmt::format("{}", number);
  out += text;
  // Else it would be read as an integer.
  if (text.find_first_of(".e") == text.npos) out += ".0";
}

}  // namespace luxtorch::io
