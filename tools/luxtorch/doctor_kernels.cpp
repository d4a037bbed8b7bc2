// Which kernels run here: examples are run, and asked what ran.

#include <fmt/format.h>

#include <functional>
#include <sstream>

#include "doctor.h"
#include "kernels/recurrent.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layer.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/ops/attention.h"
#include "luxtorch/ops/fast_path.h"
#include "luxtorch/ops/recurrent.h"
#include "text.h"

namespace doctor {

namespace {

using namespace luxtorch;

struct Example {
  std::string name;
  ops::FusedOp op;
  std::function<void()> run;
};

Tensor numbers(Shape shape, Dtype dtype) { return full(shape, 0.25).to(dtype); }

std::string named_by(const char* what, Dtype dtype) {
  return fmt::format("{}, {}", what, dtype_text(dtype));
}

Example sequence(Dtype dtype) {
  return {named_by("LSTM, 4 sequences of 8 steps", dtype), ops::FusedOp::recurrence, [=] {
            const auto state = numbers({4, 16}, dtype);
            const ops::CellWeights weights{numbers({64, 8}, dtype), numbers({64, 16}, dtype),
                                           numbers({64}, dtype), numbers({64}, dtype)};
            ops::lstm_sequence(numbers({4, 8, 8}, dtype), state, state, weights, {});
          }};
}

Example loss(Dtype dtype) {
  return {named_by("binary cross entropy, 64 rows", dtype), ops::FusedOp::loss,
          [=] { BinaryCrossEntropyLoss{}(numbers({64}, dtype), numbers({64}, dtype)); }};
}

Example attention(Dtype dtype) {
  return {named_by("attention, 2 heads of 16, 32 keys", dtype), ops::FusedOp::attention, [=] {
            const auto x = numbers({1, 2, 32, 16}, dtype);
            ops::scaled_dot_product_attention(x, x, x);
          }};
}

Example dense(int64_t rows, int64_t width, int64_t layers, Dtype dtype) {
  const auto what = fmt::format("{} of {} by {}, {} rows", layers == 1 ? "Dense" : "two Dense",
                                width, width, rows);
  return {named_by(what.c_str(), dtype), ops::FusedOp::dense, [=] {
            const Layer model = layers == 1
                                    ? Layer(Chain(Dense(width, width, relu)))
                                    : Layer(Chain(Dense(width, width, relu), Dense(width, width)));
            const auto [ps, st] = setup(Rng(0), model);
            (void)apply(model, numbers({rows, width}, dtype), tree::to(ps, dtype), st);
          }};
}

std::vector<Example> examples() {
  std::vector<Example> all;
  for (Dtype dtype : {kFloat32, kFloat64, kBFloat16})
    for (const auto& make : {sequence, loss, attention}) all.push_back(make(dtype));
  for (int64_t rows : {8, 512})
    for (int64_t width : {64, 512})
      for (int64_t layers : {1, 2}) all.push_back(dense(rows, width, layers, kFloat32));
  return all;
}

}  // namespace

Section vectors() {
  Section section{"vectors", {}};
  const std::string chosen = kernels::vector_target();
  for (const auto& [name, supported] : kernels::vector_targets())
    section.lines.emplace_back(name, name == chosen ? "chosen"
                                     : supported    ? "possible"
                                                    : "not of this processor");
  return section;
}

Section kernels() {
  Section section{"kernels", {}};
  for (const auto& example : examples()) {
    example.run();
    std::ostringstream what;
    what << ops::last_backend(example.op);
    section.lines.emplace_back(example.name, what.str());
  }
  return section;
}

}  // namespace doctor
