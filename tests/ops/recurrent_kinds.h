// The recurrent operators as a list, for tests that hold for each of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "luxtorch/core/ops.h"
#include "luxtorch/ops/recurrent.h"
#include "luxtorch/tree.h"

namespace luxtorch::testing {

/// What the operators of one file are run on.
struct RecurrentSizes {
  int64_t batch, time, in, out;
};

struct RecurrentState {
  Tensor h, c;
};

struct RecurrentKind {
  std::string name;
  int64_t gates;
  std::function<RecurrentState(const Tensor& x, const RecurrentState& s, const ops::CellWeights& w)>
      cell;
  std::function<ops::SequenceOutput(const Tensor& x, const RecurrentState& s,
                                    const ops::CellWeights& w, ops::SequenceOptions options)>
      sequence;
};

inline RecurrentKind rnn_kind(const Activation& f) {
  return {std::string("RNN with ") + f.name(), 1,
          [f](auto& x, auto& s, auto& w) -> RecurrentState {
            return {ops::rnn_cell(x, s.h, w, f), {}};
          },
          [f](auto& x, auto& s, auto& w, auto o) { return ops::rnn_sequence(x, s.h, w, f, o); }};
}

inline std::vector<RecurrentKind> recurrent_kinds() {
  return {
      rnn_kind(tanh),
      rnn_kind(relu),
      rnn_kind(softsign),
      {"LSTM", 4,
       [](auto& x, auto& s, auto& w) -> RecurrentState {
         auto [h, c] = ops::lstm_cell(x, s.h, s.c, w);
         return {h, c};
       },
       [](auto& x, auto& s, auto& w, auto o) { return ops::lstm_sequence(x, s.h, s.c, w, o); }},
      {"GRU", 3,
       [](auto& x, auto& s, auto& w) -> RecurrentState { return {ops::gru_cell(x, s.h, w), {}}; },
       [](auto& x, auto& s, auto& w, auto o) { return ops::gru_sequence(x, s.h, w, o); }}};
}

/// Those that have kernels.
inline std::vector<RecurrentKind> stock_kinds() {
  auto kinds = recurrent_kinds();
  std::erase_if(kinds, [](auto& k) { return k.name == rnn_kind(softsign).name; });
  return kinds;
}

inline ops::CellWeights recurrent_weights(const Tree& t) {
  auto get = [&](const char* key) { return t.contains(key) ? t[key].tensor() : Tensor(); };
  return {get("w_ih"), get("w_hh"), get("b_ih"), get("b_hh")};
}

/// h, c and the weights of a cell, float64; no biases unless asked for.
inline Tree recurrent_inputs(int64_t gates, bool bias, int64_t batch, int64_t in, int64_t out) {
  auto normal = [](const char* name, Shape shape) {
    return random::normal(Rng(1).fold_in(name), shape, 0, 0.7, kFloat64);
  };
  auto t = named({{"h", normal("h", {batch, out})},
                  {"c", normal("c", {batch, out})},
                  {"w_ih", normal("w_ih", {gates * out, in})},
                  {"w_hh", normal("w_hh", {gates * out, out})}});
  return bias ? merge(t, named({{"b_ih", normal("b_ih", {gates * out})},
                                {"b_hh", normal("b_hh", {gates * out})}}))
              : t;
}

/// y, h and c as a tuple.
inline Tree recurrent_output(const ops::SequenceOutput& out) {
  return tuple({out.y, out.h, out.c.defined() ? Tree(out.c) : Tree()});
}

/// A scalar that knows each element.
inline Tensor weighted_sum(const Tree& t) {
  auto sum = zeros({}, {.dtype = kFloat64});
  uint64_t i = 0;
  for (const auto& part : tree::tensors(t))
    sum = sum + (part * random::normal(Rng(i++), part.sizes(), 0, 1, kFloat64)).sum();
  return sum;
}

}  // namespace luxtorch::testing
