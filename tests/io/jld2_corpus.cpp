#include "io/jld2_corpus.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>

#include "support/files.h"

namespace luxtorch::test {

Tensor counting(at::IntArrayRef shape, Dtype dtype) {
  int64_t numel = 1;
  for (int64_t dim : shape) numel *= dim;
  return (at::arange(numel, Dtype::Double) / 8 - 3).to(dtype).reshape(shape);
}

Tensor counting(Dtype dtype) { return counting({2, 3}, dtype); }

namespace {

using nlohmann::json;

Tree every_rank(Dtype dtype) {
  std::vector<Tree::Item> items;
  const std::vector<std::vector<int64_t>> shapes = {
      {},     {1},       {7},          {3, 4},          {1, 5},
      {5, 1}, {2, 3, 4}, {2, 3, 4, 5}, {2, 1, 3, 2, 4}, {0},
      {0, 3}, {3, 0},    {2, 0, 4},    {0, 0, 0, 0},    {1, 2, 0, 3, 4}};
  for (const auto& shape : shapes) {
    std::string name = "a";
    for (int64_t dim : shape) name.append("_").append(std::to_string(dim));
    items.emplace_back(name, counting(shape, dtype));
  }
  return named(std::move(items));
}

Tree views() {
  Tensor base = counting({6, 8}, kFloat32);
  return named({{"transposed", base.t()},
                {"sliced", base.slice(0, 1, 6, 2).slice(1, 2, 8, 3)},
                {"expanded", counting({1, 4}, kFloat64).expand({3, 4})},
                {"permuted", counting({2, 3, 4, 5}, kInt64).permute({2, 0, 3, 1})},
                {"offset", counting({20}, kFloat32).slice(0, 5, 15)},
                {"conjugate", at::complex(base, base + 1).conj()},
                {"needs_grad", counting({3}, kFloat32).requires_grad_()}});
}

Tree special_numbers() {
  Tensor odd = counting({6}, kFloat32);
  float* values = odd.mutable_data_ptr<float>();
  values[0] = std::numeric_limits<float>::infinity();
  values[1] = -std::numeric_limits<float>::infinity();
  values[2] = std::numeric_limits<float>::quiet_NaN();
  values[3] = -0.0F;
  values[4] = std::numeric_limits<float>::denorm_min();
  return named({{"odd", odd},
                {"largest", std::numeric_limits<int64_t>::max()},
                {"smallest", std::numeric_limits<int64_t>::min()},
                {"pi", 3.141592653589793},
                {"nan", std::numeric_limits<double>::quiet_NaN()},
                {"infinite", -std::numeric_limits<double>::infinity()},
                {"minus_zero", -0.0}});
}

Tree leaves() {
  return named({{"none", Tree()},
                {"yes", true},
                {"no", false},
                {"training", true},
                {"count", 42},
                {"rate", 0.5},
                {"text", "hello"},
                {"empty_text", ""},
                {"utf8", "h\xc3\xa9llo \xf0\x9f\x8c\x80"},
                {"long_text", std::string(70000, 'x')},
                {"rng", Rng(42)},
                {"rng_zero", Rng(0)},
                {"rng_large", Rng(0xfedcba9876543210)},
                {"empty_named", named(std::vector<Tree::Item>{})},
                {"empty_tuple", tuple(std::vector<Tree>{})}});
}

Tree layer(int i) {
  return named({{"weight", counting({2, 3}, kFloat32) + i}, {"bias", counting({2}, kFloat32)}});
}

Tree layers(int count) {
  std::vector<Tree::Item> items;
  for (int i = 1; i <= count; ++i) items.emplace_back("layer_" + std::to_string(i), layer(i));
  return named(std::move(items));
}

Tree model_states() {
  return named(
      {{"layer_1", named({{"running_mean", counting({3}, kFloat32)},
                          {"running_var", counting({3}, kFloat32)},
                          {"training", true}})},
       {"layer_2", named({{"rng", Rng(7)}, {"training", false}})},
       {"layer_3", named(std::vector<Tree::Item>{})},
       {"only_empty",
        named({{"a", named(std::vector<Tree::Item>{})}, {"training", true}, {"n", Tree()}})},
       {"carry",
        tuple({counting({4, 8}, kFloat32), tuple({counting({2}, kFloat64), 1, "x", Tree()})})},
       {"mixed", tuple({true, 2, 3.5, "text", Rng(9), tuple(std::vector<Tree>{}), layer(1)})}});
}

Tree deep(int levels) {
  Tree tree = counting({2}, kFloat32);
  for (int i = 0; i < levels; ++i) tree = i % 3 == 2 ? tuple({tree}) : named({{"down", tree}});
  return named({{"deep", tree}});
}

Tree many_variables(int count) {
  std::vector<Tree::Item> items;
  for (int i = 0; i < count; ++i) items.emplace_back("variable_" + std::to_string(i), i);
  return named(std::move(items));
}

Tree compressible() {
  return named({{"zeros", at::zeros({300, 40})},
                {"counting", counting({64, 32}, kFloat32)},
                {"cube", counting({20, 30, 10}, kFloat64)},
                {"vector", counting({5000}, kInt64)},
                {"flags", at::zeros({5000}, Dtype::Bool)},
                {"small", counting({3}, kFloat32)},
                {"scalar", counting({}, kFloat32)},
                {"empty", counting({0, 4}, kFloat32)}});
}

std::string hex(const void* data, size_t size) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < size; ++i) {
    unsigned byte = static_cast<const unsigned char*>(data)[i];
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

json to_json(const Tree& tree) {
  if (tree.is_none()) return {{"none", true}};
  if (tree.is<bool>()) return {{"bool", tree.scalar<bool>()}};
  if (tree.is<int64_t>()) return {{"int", tree.scalar<int64_t>()}};
  if (tree.is<double>()) {
    auto value = tree.scalar<double>();
    return {{"double", hex(&value, sizeof value)}};
  }
  if (tree.is_string()) return {{"string", tree.scalar<std::string>()}};
  if (tree.is_rng()) return {{"rng", tree.scalar<Rng>().key()}};
  if (tree.is_tensor()) {
    Tensor dense = tree.tensor().detach().contiguous().resolve_conj();
    return {{"tensor", c10::toString(dense.scalar_type())},
            {"shape", dense.sizes().vec()},
            {"bytes", hex(dense.const_data_ptr(), dense.nbytes())}};
  }
  json parts = json::array();
  if (tree.is_tuple()) {
    for (const Tree& part : tree.elements()) parts.push_back(to_json(part));
    return {{"tuple", parts}};
  }
  for (const auto& [name, part] : tree.items()) parts.push_back({name, to_json(part)});
  return {{"named", parts}};
}

}  // namespace

std::vector<Sample> jld2_corpus() {
  std::vector<Sample> corpus;
  for (Dtype dtype : {kFloat32, kFloat64, kInt64, kBool, Dtype::Half, Dtype::Int, Dtype::Short,
                      Dtype::Char, Dtype::Byte, Dtype::UInt16, Dtype::UInt32, Dtype::UInt64,
                      Dtype::ComplexFloat, Dtype::ComplexDouble})
    corpus.push_back({std::string("ranks_") + c10::toString(dtype), every_rank(dtype)});
  corpus.push_back({"views", views()});
  corpus.push_back({"special_numbers", special_numbers()});
  corpus.push_back({"leaves", leaves()});
  corpus.push_back(
      {"leaves_nested", named({{"all", leaves()}, {"tuple", tuple({leaves(), leaves()})}})});
  corpus.push_back(
      {"trained_model", named({{"ps_trained", layers(2)}, {"st_trained", model_states()}})});
  corpus.push_back({"nothing_at_all", named(std::vector<Tree::Item>{})});
  corpus.push_back(
      {"greek", named({{"\xce\xb8", named({{"\xce\xb1 + 1", 1}, {"a/b", 2}, {"!", 3}})}})});
  corpus.push_back({"layers_12", named({{"ps", layers(12)}})});
  corpus.push_back(
      {"layers_150", named({{"ps", layers(150)}, {"wrapped", named({{"ps", layers(150)}})}})});
  corpus.push_back({"layers_800", named({{"ps", layers(800)}})});
  corpus.push_back({"long_tuple", named({{"t", tuple(std::vector<Tree>(40, Tree(1)))}})});
  corpus.push_back({"deep_99", deep(98)});
  corpus.push_back({"many_variables", many_variables(300)});
  corpus.push_back({"compressible", compressible()});
  return corpus;
}

std::string exact_json(const Tree& tree) { return to_json(tree).dump(); }

int compare_with_checker(const std::filesystem::path& folder, const std::string& option) {
  std::string source = test::source_folder();
  std::string command = std::string("\"") + test::python() + "\" \"" + source +
                        "/tests/io/compare_jld2.py\" " + option + " \"" + folder.string() + "\"";
  return std::system(command.c_str());
}

int check_file(const std::filesystem::path& file) {
  std::string command = std::string("\"") + test::python() + "\" \"" + test::source_folder() +
                        "/tools/verify_jld2.py\" --compat mid -q \"" + file.string() + "\"";
  return std::system(command.c_str());
}

}  // namespace luxtorch::test
