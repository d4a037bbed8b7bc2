// Recurrent kernels against plain loops. No torch: these tests also run where there is none.
#include "kernels/recurrent.h"

#include <gtest/gtest.h>

#include <barrier>
#include <string>
#include <thread>

#include "kernels/numbers.h"
#include "kernels/plain_recurrent.h"

namespace {

using namespace kernel_tests;
using namespace luxtorch::kernels;

struct Case {
  RecurrentCell cell = RecurrentCell::lstm;
  int64_t batch, time, in, out;
  bool biases = true, reverse = false, lengths = false, tokens = false;
  int64_t threads = 1;

  std::string text() const {
    std::string s = "cell " + std::to_string(static_cast<int>(cell));
    for (int64_t n : {batch, time, in, out, threads}) s += " " + std::to_string(n);
    for (bool b : {biases, reverse, lengths, tokens}) s += b ? " yes" : " no";
    return s;
  }
};

constexpr double kUntouched = 0.75;  // in memory that is not written yet
constexpr RecurrentCell kCells[] = {RecurrentCell::rnn_tanh, RecurrentCell::rnn_relu,
                                    RecurrentCell::lstm, RecurrentCell::gru};

// A call with memory of its own for all that it reads.
template <class T>
struct Inputs {
  explicit Inputs(const Case& c) {
    Numbers numbers(static_cast<uint64_t>(c.batch * 1000 + c.out));
    const int64_t rows = gates_of(c.cell) * c.out;
    const double size = 1 / std::sqrt(static_cast<double>(c.out));
    call.cell = c.cell, call.batch = c.batch, call.time = c.time, call.in = c.in, call.out = c.out;
    call.reverse = c.reverse;
    if (c.tokens) {
      for (int64_t i = 0; i < c.batch * c.time; ++i) tokens.push_back(numbers.below(c.in));
      call.tokens = tokens.data(), call.x_batch = c.time, call.x_time = 1;
    } else {
      x = numbers.array<T>(c.batch * c.time * c.in, -1, 1);
      call.x = x.data(), call.x_batch = c.time * c.in, call.x_time = c.in;
    }
    if (c.lengths) {
      for (int64_t b = 0; b < c.batch; ++b) lengths.push_back(numbers.below(c.time + 1));
      call.lengths = lengths.data();
    }
    weight_ih = numbers.array<T>(rows * c.in, -size, size);
    weight_hh = numbers.array<T>(rows * c.out, -size, size);
    call.weight_ih = weight_ih.data(), call.weight_hh = weight_hh.data();
    if (c.biases) {
      bias_ih = numbers.array<T>(rows, -size, size), bias_hh = numbers.array<T>(rows, -size, size);
      call.bias_ih = bias_ih.data(), call.bias_hh = bias_hh.data();
    }
    h = numbers.array<T>(c.batch * c.out, -1, 1), call.h = h.data();
    if (c.cell == RecurrentCell::lstm)
      memory = numbers.array<T>(c.batch * c.out, -1, 1), call.c = memory.data();
    by_y = numbers.array<T>(c.batch * c.time * c.out, -1, 1);
    by_h = numbers.array<T>(c.batch * c.out, -1, 1),
    by_c = numbers.array<T>(c.batch * c.out, -1, 1);
  }
  Inputs(const Inputs&) = delete;

  RecurrentCall<T> call;
  std::vector<T> x, weight_ih, weight_hh, bias_ih, bias_hh, h, memory, by_y, by_h, by_c;
  std::vector<int64_t> tokens, lengths;
};

// Calls f(group, team) for all groups, on a team of threads where the layout asks for one.
template <class F>
void for_groups(const RecurrentLayout& layout, const F& f) {
  std::barrier<> barrier(layout.team);
  auto wait = [](void* b) { static_cast<std::barrier<>*>(b)->arrive_and_wait(); };
  auto run = [&](int64_t rank) {
    for (int64_t g = 0; g < layout.groups; ++g)
      f(g, RecurrentTeam{rank, layout.team, wait, &barrier});
  };
  std::vector<std::jthread> others;
  for (int64_t rank = 1; rank < layout.team; ++rank) others.emplace_back(run, rank);
  run(0);
}

// Runs the kernels, saving for backward and not, and compares each of their results with plain loops'.
template <class T>
void compare(const Case& c, double tolerance) {
  const std::string text = c.text() + (sizeof(T) == 4 ? " float" : " double");
  const Inputs<T> in(c);
  const auto& call = in.call;
  const int64_t states = c.batch * c.out, rows = gates_of(c.cell) * c.out;
  const bool memory = c.cell == RecurrentCell::lstm;
  PlainResult plain{Doubles(states * c.time, kUntouched), Doubles(states),
                    Doubles(memory ? states : 0)};
  PlainGradients gradients{Doubles(c.batch * c.time * c.in),
                           Doubles(states),
                           Doubles(memory ? states : 0),
                           Doubles(rows * c.in),
                           Doubles(rows * c.out),
                           Doubles(rows),
                           Doubles(rows)};
  for (int64_t b = 0; b < c.batch; ++b) {
    PlainRow<T> row(call, b);
    row.forward(plain);
    row.backward(in.by_y, in.by_h, in.by_c, gradients);
  }

  const RecurrentLayout layout = recurrent_layout(call, c.threads);
  std::vector<T> packed(packed_weights_size(call, layout), T(kUntouched));
  const auto weights = pack_weights(call, layout, packed.data(), 0, layout.panels);
  std::vector<T> saved(recurrent_saved_size(call, layout), T(kUntouched));
  for (const bool saves : {false, true}) {
    std::vector<T> y(plain.y.size(), T(kUntouched)), h(plain.h.size()), memory_out(plain.c.size()),
        scratch(forward_scratch_size(call, layout, saves), T(kUntouched));
    const RecurrentOutput<T> out{y.data(), c.time * c.out,    c.out,
                                 h.data(), memory_out.data(), saves ? saved.data() : nullptr};
    for_groups(layout, [&](int64_t g, const RecurrentTeam& team) {
      recurrent_forward(call, layout, weights, out, g, scratch.data(), team);
    });
    EXPECT_LE(ulps_apart<T>(y, plain.y), tolerance) << "y of " << text;
    EXPECT_LE(ulps_apart<T>(h, plain.h), tolerance) << "h of " << text;
    EXPECT_LE(ulps_apart<T>(memory_out, plain.c), tolerance) << "c of " << text;
  }

  const bool by_x = !c.tokens;
  std::vector<T> packed_back(packed_for_backward_size(call, layout, by_x), T(kUntouched)),
      sums(accumulators_size(call, layout) * layout.slices),
      scratch(backward_scratch_size(call, layout), T(kUntouched)), x(gradients.x.size()), h(states),
      memory_in(gradients.c.size());
  const auto weights_back =
      pack_for_backward(call, layout, by_x, packed_back.data(), 0, layout.panels);
  const RecurrentGradients<T> to{in.by_y.data(),
                                 c.time * c.out,
                                 c.out,
                                 in.by_h.data(),
                                 in.by_c.data(),
                                 by_x ? x.data() : nullptr,
                                 c.time * c.in,
                                 c.in,
                                 h.data(),
                                 memory ? memory_in.data() : nullptr,
                                 true};
  for_groups(layout, [&](int64_t g, const RecurrentTeam& team) {
    recurrent_backward(call, layout, weights_back, saved.data(), to, g, sums.data(), scratch.data(),
                       team);
  });
  std::vector<T> weight_ih(rows * c.in), weight_hh(rows * c.out), bias_ih(rows), bias_hh(rows);
  sum_accumulators(call, layout, sums.data(), accumulators_size(call, layout), layout.slices,
                   {weight_ih.data(), weight_hh.data(), c.biases ? bias_ih.data() : nullptr,
                    c.biases ? bias_hh.data() : nullptr},
                   0, layout.panels);
  if (by_x) {
    EXPECT_LE(ulps_apart<T>(x, gradients.x), tolerance) << "dx of " << text;
  }
  EXPECT_LE(ulps_apart<T>(h, gradients.h), tolerance) << "dh of " << text;
  EXPECT_LE(ulps_apart<T>(memory_in, gradients.c), tolerance) << "dc of " << text;
  EXPECT_LE(ulps_apart<T>(weight_ih, gradients.weight_ih), tolerance) << "dW_ih of " << text;
  EXPECT_LE(ulps_apart<T>(weight_hh, gradients.weight_hh), tolerance) << "dW_hh of " << text;
  if (!c.biases) return;
  EXPECT_LE(ulps_apart<T>(bias_ih, gradients.bias_ih), tolerance) << "db_ih of " << text;
  EXPECT_LE(ulps_apart<T>(bias_hh, gradients.bias_hh), tolerance) << "db_hh of " << text;
}

void compare_all_cells(Case c) {
  constexpr double kTolerance = 32;
  for (const RecurrentCell cell : kCells) {
    c.cell = cell;
    compare<float>(c, kTolerance);
    compare<double>(c, kTolerance);
  }
}

TEST(RecurrentKernels, SizesWithAndWithoutRemaindersOfVectors) {
  for (const int64_t out : {1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33}) {
    for (const int64_t in : {1, 3, 4, 17})
      compare_all_cells({.batch = 5, .time = 3, .in = in, .out = out});
  }
  for (const int64_t batch : {1, 2, 3, 4, 6, 7, 11}) {
    compare_all_cells({.batch = batch, .time = 4, .in = 5, .out = 3});
    compare_all_cells({.batch = batch, .time = 4, .in = 5, .out = 6});
    compare_all_cells({.batch = batch, .time = 2, .in = 2, .out = 19});
  }
}

TEST(RecurrentKernels, ManyRowsAndManySteps) {
  compare_all_cells({.batch = 131, .time = 5, .in = 3, .out = 5});
  compare_all_cells({.batch = 2, .time = 300, .in = 3, .out = 5});
  compare_all_cells({.batch = 3, .time = 2, .in = 256, .out = 9});
}

TEST(RecurrentKernels, WithoutBiases) {
  compare_all_cells({.batch = 5, .time = 3, .in = 4, .out = 7, .biases = false});
}

TEST(RecurrentKernels, BackwardInTime) {
  compare_all_cells({.batch = 5, .time = 4, .in = 3, .out = 6, .reverse = true});
}

TEST(RecurrentKernels, RowsOfDifferentLengths) {
  for (const bool reverse : {false, true}) {
    compare_all_cells(
        {.batch = 9, .time = 5, .in = 3, .out = 6, .reverse = reverse, .lengths = true});
    compare_all_cells(
        {.batch = 140, .time = 3, .in = 2, .out = 3, .reverse = reverse, .lengths = true});
  }
}

TEST(RecurrentKernels, Tokens) {
  for (const int64_t out : {3, 8, 21}) {
    compare_all_cells({.batch = 6, .time = 4, .in = 11, .out = out, .tokens = true});
    compare_all_cells(
        {.batch = 6, .time = 4, .in = 11, .out = out, .lengths = true, .tokens = true});
  }
}

TEST(RecurrentKernels, ThreadsThatShareAGroup) {
  const Case c{
      .cell = RecurrentCell::lstm, .batch = 2, .time = 3, .in = 3, .out = 130, .threads = 2};
  EXPECT_EQ(recurrent_layout(Inputs<float>(c).call, c.threads).team, 2);
  compare_all_cells(c);
}

template <class T>
void compare_single_step(const Case& c) {
  const Inputs<T> in(c);
  const int64_t states = c.batch * c.out;
  PlainResult plain{Doubles(states), Doubles(states), Doubles(states)};
  for (int64_t b = 0; b < c.batch; ++b) PlainRow<T>(in.call, b).forward(plain);
  std::vector<T> y(states), h(states), memory(states), scratch(single_step_scratch_size(in.call));
  const RecurrentOutput<T> out{y.data(), c.out, c.out, h.data(), memory.data(), nullptr};
  recurrent_single_step(in.call, out, scratch.data());
  EXPECT_LE(ulps_apart<T>(y, plain.y), 16) << c.text();
  EXPECT_LE(ulps_apart<T>(h, plain.h), 16) << c.text();
  if (in.call.c) {
    EXPECT_LE(ulps_apart<T>(memory, plain.c), 16) << c.text();
  }
}

TEST(RecurrentKernels, SingleSteps) {
  for (const RecurrentCell cell : kCells) {
    for (const bool tokens : {false, true}) {
      for (const int64_t out : {1, 3, 4, 6, 17}) {
        const Case c{.cell = cell, .batch = 3, .time = 1, .in = 7, .out = out, .tokens = tokens};
        compare_single_step<float>(c);
        compare_single_step<double>(c);
      }
    }
  }
}

// The state of one unit.
template <class T>
T after_one_step(const RecurrentCall<T>& call) {
  T h = 0;
  RecurrentOutput<T> out;
  out.h = &h;
  std::vector<T> scratch(single_step_scratch_size(call));
  recurrent_single_step(call, out, scratch.data());
  return h;
}

// A cell with one unit whose gate is x: the functions of the vectors, at their ends too.
template <class T>
T activated(RecurrentCell cell, T value) {
  const T one = 1, zero = 0;
  RecurrentCall<T> call{.cell = cell, .batch = 1, .time = 1, .in = 1, .out = 1};
  call.x = &value, call.weight_ih = &one, call.weight_hh = &zero, call.h = &zero;
  return after_one_step(call);
}

template <class T>
void check_activations() {
  const T infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  for (const RecurrentCell cell : {RecurrentCell::rnn_tanh, RecurrentCell::rnn_relu})
    EXPECT_TRUE(std::isnan(activated(cell, nan)));
  EXPECT_EQ(activated(RecurrentCell::rnn_tanh, infinity), T(1));
  EXPECT_EQ(activated(RecurrentCell::rnn_tanh, -infinity), T(-1));
  EXPECT_EQ(activated(RecurrentCell::rnn_relu, infinity), infinity);
  EXPECT_EQ(activated(RecurrentCell::rnn_relu, -infinity), T(0));
  for (T x = T(-24); x < 24; x += T(0.0625)) {
    const std::vector<T> got{activated(RecurrentCell::rnn_tanh, x)};
    EXPECT_LE(ulps_apart<T>(got, Doubles{std::tanh(static_cast<double>(x))}), 3) << x;
  }
}

TEST(RecurrentKernels, InfinityAndNanGoWhereArithmeticTakesThem) {
  check_activations<float>();
  check_activations<double>();
}

// A GRU's unit whose candidate is 0 and whose state was 1: its update gate.
template <class T>
T sigmoid_of(T value) {
  const T by_x[] = {0, 1, 0}, by_h[] = {0, 0, 0}, one = 1;
  RecurrentCall<T> call{.cell = RecurrentCell::gru, .batch = 1, .time = 1, .in = 1, .out = 1};
  call.x = &value, call.weight_ih = by_x, call.weight_hh = by_h, call.h = &one;
  return after_one_step(call);
}

template <class T>
void check_sigmoid() {
  EXPECT_EQ(sigmoid_of<T>(60), T(1));
  for (double x = -80; x < 24; x += 0.0625) {
    const double wanted = 1 / (1 + std::exp(-x)), got = sigmoid_of(static_cast<T>(x));
    const double ulps = std::abs(got / wanted - 1) / std::numeric_limits<T>::epsilon();
    EXPECT_LE(ulps, x < -9 ? 6 : 2.5) << x;
  }
  // Where e^-x is near the largest number and beyond it.
  for (double x = sizeof(T) == 4 ? -120 : -760, end = x + 60; x < end; x += 0.01) {
    const T got = sigmoid_of(static_cast<T>(x));
    EXPECT_TRUE(got >= 0 && got <= T(1e-26)) << x << ": " << got;
  }
}

TEST(RecurrentKernels, SigmoidKeepsItsDigitsWhereItIsNextToZero) {
  check_sigmoid<float>();
  check_sigmoid<double>();
}

}  // namespace
