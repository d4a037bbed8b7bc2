// A column of the table as a competitor: `column NAME`; `column` alone prints all names.
//
// A problem is not a file here but words, M,K,N,WAY,REPEATS: WAY is forward, input_gradient or
// weight_gradient, and a step is the product REPEATS times. turns.py has the conversation.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <malloc.h>
#include <torch/version.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>

#include "columns.h"
#include "turns.h"

namespace products {

namespace {

// A product that is ready to run: its two matrices, and what is computed of them.
struct Problem {
  Product product = nullptr;
  int64_t repeats = 0;
  at::Tensor a, b, y;
};

Problem read(const Column& column, std::string words) {
  std::replace(words.begin(), words.end(), ',', ' ');
  std::istringstream in(words);
  int64_t m = 0, k = 0, n = 0;
  std::string way;
  Problem problem;
  in >> m >> k >> n >> way >> problem.repeats;
  if (!in || std::min({m, k, n, problem.repeats}) < 1)
    throw std::invalid_argument("expected M,K,N,WAY,REPEATS, got " + words);
  at::manual_seed(0);  // the same numbers in all columns
  const auto x = at::randn({m, k}), w = at::randn({n, k}), g = at::randn({m, n});
  if (way == "forward")
    problem.product = column.forward, problem.a = x, problem.b = w;
  else if (way == "input_gradient")
    problem.product = column.input_gradient, problem.a = g, problem.b = w;
  else if (way == "weight_gradient")
    problem.product = column.weight_gradient, problem.a = g, problem.b = x;
  else
    throw std::invalid_argument("expected forward, input_gradient or weight_gradient, got " + way);
  return problem;
}

// A number that differs where a product does, or its order.
double digest(const at::Tensor& y) {
  const auto flat = y.abs().flatten().to(at::kDouble);
  return flat.dot(at::linspace(1, 2, flat.numel(), at::kDouble)).item<double>();
}

bench::Start start(const Column& column, const std::string& words) {
  if (const auto missing = column.missing(); !missing.empty()) throw std::runtime_error(missing);
  auto problem = std::make_shared<Problem>(read(column, words));
  return [problem] {
    return bench::Work{[problem] {
                         for (int64_t i = 0; i < problem->repeats; ++i)
                           problem->y = problem->product(problem->a, problem->b);
                       },
                       [problem, found = 0.0]() mutable {  // once: the product stays the same
                         if (found == 0) found = digest(problem->y);
                         return found;
                       }};
  };
}

int run(const std::string& name) {
  for (const auto& column : columns()) {
    if (name.empty()) std::cout << column.name << '\n';
    if (column.name != name) continue;
    const c10::InferenceMode no_graph;
    // What is freed stays with the process: pages that come anew for an output of a few MiB can take
    // longer than its product.
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    return bench::take_turns(
        std::string("LibTorch ") + TORCH_VERSION, at::get_num_threads(),
        [&column](const std::string& words, bool) { return start(column, words); });
  }
  if (name.empty()) return 0;
  std::cerr << "column: there is no column " << name << '\n';
  return 2;
}

}  // namespace

}  // namespace products

int main(int count, char** words) { return products::run(count > 1 ? words[1] : ""); }
