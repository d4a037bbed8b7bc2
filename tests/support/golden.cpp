#include "support/golden.h"

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "luxtorch/core/ops.h"
#include "support/files.h"

namespace luxtorch::testing {
namespace {

using Json = nlohmann::ordered_json;

double number(const Json& value) {
  if (!value.is_string()) return value.get<double>();
  // JSON has no words for these.
  const auto& word = value.get_ref<const std::string&>();
  if (word == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (word == "inf") return std::numeric_limits<double>::infinity();
  if (word == "-inf") return -std::numeric_limits<double>::infinity();
  throw std::runtime_error("not a number: " + word);
}

Tensor tensor_of(const Json& value) {
  const auto shape = value.at("shape").get<std::vector<int64_t>>();
  const auto& dtype = value.at("dtype").get_ref<const std::string&>();
  const Json& data = value.at("data");
  if (dtype == "int64") return tensor(data.get<std::vector<int64_t>>()).reshape(shape);
  std::vector<double> numbers;
  for (const Json& x : data) numbers.push_back(x.is_boolean() ? x.get<bool>() : number(x));
  const Dtype kind = dtype == "float64"   ? kFloat64
                     : dtype == "float32" ? kFloat32
                     : dtype == "bool"    ? kBool
                                          : throw std::runtime_error("unknown dtype " + dtype);
  return tensor(numbers, {.dtype = kind}).reshape(shape);
}

Tree tree_of(const Json& value) {
  if (value.is_null()) return Tree();
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_integer()) return value.get<int64_t>();
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return value.get_ref<const std::string&>();
  if (value.is_array()) {
    std::vector<Tree> elements;
    for (const Json& element : value) elements.push_back(tree_of(element));
    return tuple(std::move(elements));
  }
  if (value.contains("dtype") && value.contains("data")) return tensor_of(value);
  std::vector<Tree::Item> items;
  for (const auto& [key, item] : value.items()) items.emplace_back(key, tree_of(item));
  return named(std::move(items));
}

}  // namespace

Tree load_golden(const std::string& name) {
  const std::string path = test::golden_folder() + "/" + name + ".json";
  std::ifstream file(path);
  if (!file)
    throw std::runtime_error(path + " is missing: python tools/golden/generate.py " + name +
                             " makes it");
  try {
    return tree_of(Json::parse(file));
  } catch (const std::exception& e) {
    throw std::runtime_error(path + ": " + e.what());
  }
}

}  // namespace luxtorch::testing
