#include "case.h"

#include <stdexcept>

namespace comparison {

namespace {

using Cases = std::map<std::string, std::function<Case()>>;

Cases& named_cases() {
  static Cases all;
  return all;
}

std::vector<Cases (*)()>& several_cases() {
  static std::vector<Cases (*)()> all;
  return all;
}

const Cases& cases() {
  static const Cases all = [] {
    Cases found = named_cases();
    for (auto several : several_cases()) {
      for (const auto& [name, make] : several()) {
        if (!found.emplace(name, make).second)
          throw std::logic_error("two cases are called " + name);
      }
    }
    return found;
  }();
  return all;
}

}  // namespace

Registration::Registration(const std::string& name, std::function<Case()> make) {
  if (!named_cases().emplace(name, std::move(make)).second)
    throw std::logic_error("two cases are called " + name);
}

Registration::Registration(Cases (*several)()) { several_cases().push_back(several); }

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
