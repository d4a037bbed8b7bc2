// What functional() costs: a torch::nn module's own forward against the same module as a layer.
//
//     tools/run overhead [ROUNDS]
//
// The module has 4 tensors and so little to compute that the cost shows. Both take turns of 20 calls within one
// program; a row gives the minimum and the median of the turns, in microseconds per call, and what the layer adds:
//
//     predict     forward, nothing recorded
//     record      forward, the graph recorded and dropped
//     train       forward and backward, to the parameters
#include <torch/csrc/autograd/autograd.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "luxtorch/interop/torch_module.h"
#include "luxtorch/rng.h"

namespace {

namespace lux = luxtorch;
namespace nn = torch::nn;
using lux::Tensor, lux::Tree;

constexpr int kCalls = 20;

template <class F>
double turn(const F& call) {
  auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kCalls; ++i) call();
  std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
  return time.count() / kCalls;
}

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}
double least(const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); }

template <class Module, class Layer>
void compare(const char* name, int rounds, const Module& module, const Layer& layer) {
  turn(module), turn(layer);
  std::vector<double> own, functional, added;
  for (int i = 0; i < rounds; ++i) {
    // Who goes first changes, so that neither always has the warmer cache.
    if (i % 2 == 0) {
      own.push_back(turn(module));
      functional.push_back(turn(layer));
    } else {
      functional.push_back(turn(layer));
      own.push_back(turn(module));
    }
    added.push_back(functional.back() - own.back());
  }
  std::printf("%-8s %9.2f %9.2f %9.2f   %9.2f %9.2f %9.2f\n", name, least(own), least(functional),
              least(functional) - least(own), median(own), median(functional), median(added));
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = argc > 1 ? std::atoi(argv[1]) : 500;
  if (rounds < 1) {
    std::fprintf(stderr, "overhead [ROUNDS]: expected a number of rounds above 0\n");
    return 1;
  }
  nn::Sequential module(nn::Linear(8, 16), nn::Tanh(), nn::Linear(16, 4));
  auto layer = lux::functional(module, {.keep_values = true});
  const auto made = lux::setup(lux::Rng(0), layer);
  const Tree &ps = made.first,
             &st = made.second;  // Clang 14 captures no names of a structured binding
  auto recorded =
      lux::tree::map_tensors([](const Tensor& t) { return t.detach().requires_grad_(); }, ps);
  auto x = lux::random::normal(lux::Rng(1), {32, 8});
  auto sources = module->parameters();
  auto leaves = lux::tree::tensors(recorded);

  std::printf("microseconds per call, %d rounds of %d calls\n", rounds, kCalls);
  std::printf("%-8s %29s   %29s\n", "", "minimum", "median");
  std::printf("%-8s %9s %9s %9s   %9s %9s %9s\n", "", "module", "layer", "added", "module", "layer",
              "added");
  {
    at::NoGradGuard no_grad;
    compare("predict", rounds, [&] { module->forward(x); }, [&] { layer(x, ps, st); });
  }
  compare("record", rounds, [&] { module->forward(x); }, [&] { layer(x, recorded, st); });
  compare(
      "train", rounds, [&] { torch::autograd::grad({module->forward(x).sum()}, sources); },
      [&] { torch::autograd::grad({layer(x, recorded, st).first.tensor().sum()}, leaves); });
  return 0;
}
