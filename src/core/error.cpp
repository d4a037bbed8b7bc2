#include "luxtorch/core/error.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace luxtorch {

Error::Error(std::string who, std::string message)
    : who_(std::move(who)), message_(std::move(message)) {
  compose_();
}

void Error::compose_() {
  text_ = "[" + who_ + "] " + (path_.empty() ? "" : "at " + path_ + ": ") + message_;
}

void Error::thrown_by_(const void* address, const std::type_info& type) {
  thrower_ = address;
  thrower_type_ = &type;
}

void Error::prepend_path_(std::string_view prefix) {
  if (prefix.empty()) return;
  path_ = path_.empty() ? std::string(prefix) : std::string(prefix) + "." + path_;
  compose_();
}

void Error::append_(std::string_view sentence) {
  message_ += " ";
  message_ += sentence;
  compose_();
}

std::string type_name(const std::type_info& type) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> demangled(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
  std::string name = status == 0 ? demangled.get() : type.name();
  if (name.find("{lambda") != std::string::npos && name.find('<') > name.find("{lambda")) {
    return "Function";
  }
  name.resize(std::min(name.find('<'), name.size()));
  // A type that is local to a function reads "main::Model" or "test()::Model".
  if (auto colon = name.rfind("::"); colon != std::string::npos) name.erase(0, colon + 2);
  return name;
}

}  // namespace luxtorch
