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
  const std::string name = status == 0 ? demangled.get() : type.name();
  // The last part of "outer<int>::test(std::vector<int>)::Model<at::Tensor>", whose brackets may hold
  // anything; "{lambda(at::Tensor const&)#1}" is a part too.
  size_t depth = 0, start = 0, end = name.npos;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (c == '>' || c == ')' || c == '}') {
      --depth;
    } else if (c == '<' || c == '(' || c == '{') {
      if (depth++ == 0 && c == '<' && end == name.npos) end = i;
    } else if (c == ':' && depth == 0) {
      start = i + 1;
      end = name.npos;
    }
  }
  auto last = name.substr(start, end == name.npos ? end : end - start);
  // Lambdas, "at::Tensor (*)(at::Tensor const&)" and std::function.
  const bool is_function =
      last.starts_with("{lambda") || last == "function" || last.find("(*)(") != last.npos;
  return is_function ? "Function" : last;
}

}  // namespace luxtorch
