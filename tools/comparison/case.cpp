#include "case.h"

#include <map>
#include <stdexcept>

namespace comparison {

namespace {

std::map<std::string, std::function<Case()>>& cases() {
  static std::map<std::string, std::function<Case()>> all;
  return all;
}

}  // namespace

Registration::Registration(const std::string& name, std::function<Case()> make) {
  if (!cases().emplace(name, std::move(make)).second)
    throw std::logic_error("two cases are called " + name);
}

Case make_case(const std::string& name) {
  const auto found = cases().find(name);
  if (found == cases().end()) throw std::runtime_error("there is no C++ file with a case " + name);
  return found->second();
}

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& [name, make] : cases()) names.push_back(name);
  return names;
}

}  // namespace comparison
