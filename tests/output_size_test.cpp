// The shapes of outputs without arithmetic: outputsize, output_structure, summary(model, shape), and
// the hook output_size.
#include <gtest/gtest.h>

#include <sstream>

#include "luxtorch/compact.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/core/values.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/embedding.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/layers/parallel.h"
#include "luxtorch/layers/sequence.h"
#include "support/compare.h"
#include "support/error_text.h"

namespace luxtorch {
namespace {

using testing::text_of;

std::string needs_numbers(const std::string& what) {
  return "expected a call that runs on a tensor without numbers (on the meta device), got " + what +
         ". Give the layer a member Shape output_size(Shape x) const: it is asked instead.";
}

TEST(OutputSize, HasTheBatchAndTakesADtypeForTokens) {
  EXPECT_EQ(outputsize(Dense(2, 8), {32, 2}), (Shape{32, 8}));
  EXPECT_EQ(outputsize(Chain(Dense(2, 8), Dense(8, 1)), {0, 2}), (Shape{0, 1}));
  EXPECT_EQ(outputsize(Chain(Embedding(99, 8), GRU(8, 4)), {32, 10}, kInt64), (Shape{32, 4}));
  const Layer erased = Recurrence(LSTMCell(3, 2), {.return_sequence = true});
  EXPECT_EQ(outputsize(erased, std::vector<int64_t>{4, 1000, 3}), (Shape{4, 1000, 2}));
  EXPECT_EQ(outputsize([](const Tensor& x) { return x.sum(); }, {3, 2}), Shape{});
}

TEST(OutputSize, OfSeveralTensorsIsAStructure) {
  const Recurrence run(LSTMCell(3, 2), {.return_sequence = true, .return_carry = true});
  const auto y = output_structure(run, tuple({ones({4, 5, 3}), tensor({2, 5, 0, 3})}));
  EXPECT_EQ(y[0].tensor().sizes(), (ShapeView{4, 5, 2}));
  EXPECT_EQ(y[1][1].tensor().sizes(), (ShapeView{4, 2}));
  EXPECT_TRUE(y[1][1].tensor().is_meta());
  EXPECT_ERROR(ArgumentError, outputsize(run, {4, 5, 3}),
               "[outputsize] expected a model that gives a tensor, got a tuple of 2. "
               "output_structure gives the structure of any output.");
  auto add = [](const Tensor& a, const Tensor& b) { return a + b; };
  const auto sum = output_structure(add, std::pair(ones({4, 1}), ones({3})));
  EXPECT_EQ(sum.tensor().sizes(), (ShapeView{4, 3}));
}

TEST(OutputSize, RefusesSizesBelowZero) {
  EXPECT_ERROR(ArgumentError, outputsize(Dense(2, 3), {-1, 2}),
               "[outputsize] expected sizes of at least 0, got (-1, 2).");
  EXPECT_ERROR(ArgumentError, summary(Dense(2, 3), {-1, 2}),
               "[summary] expected sizes of at least 0, got (-1, 2).");
}

TEST(OutputSize, RefusesInputsAsTheModelDoes) {
  auto refused_alike = [](const auto& model, const Tensor& x) {
    auto [ps, st] = setup(Rng(0), model);
    const auto with_numbers = text_of([&, &ps = ps, &st = st] { (void)predict(model, x, ps, st); });
    EXPECT_NE(with_numbers, "no error");
    EXPECT_EQ(text_of([&] { (void)outputsize(model, x.sizes(), x.scalar_type()); }), with_numbers);
  };
  EXPECT_ERROR(ShapeError, outputsize(Chain(Dense(2, 3), Dense(4, 1)), {5, 2}),
               "[Dense] at layer_2: expected x of shape (..., 4), got (5, 3).");
  refused_alike(Chain(Dense(2, 3), Dense(4, 1)), ones({5, 2}));
  refused_alike(Chain(Dense(2, 3), BatchNorm(4)), ones({5, 2}));
  refused_alike(Chain(Embedding(9, 4), LSTM(3, 2, {.num_layers = 2})), ones({5, 2}));
  refused_alike(Chain(Embedding(9, 4), LSTM(3, 2, {.num_layers = 2})),
                ones({5, 2}, {.dtype = kInt64}));
  refused_alike(Chain(Dropout(0.5), BidirectionalRNN(GRUCell(3, 2))), ones({5, 4, 2}));
  refused_alike(Parallel(nullptr, Dense(2, 2), Dense(3, 2)), ones({5, 2}));
  refused_alike(SkipConnection(Dense(2, 2), Dense(2, 2)), ones({5, 2}));
  refused_alike(Chain(Dense(2, 3), [](const Tensor& x) { return x.view({7}); }), ones({5, 2}));
}

TEST(OutputSize, OfCodeThatReadsNumbersIsAnErrorThatSaysWhatToDo) {
  auto refused = [](const std::string& what, auto f) {
    EXPECT_ERROR(UnsupportedError, outputsize(Chain(Dense(2, 3), f), {5, 2}),
                 "[Function] at layer_2: " + needs_numbers(what));
  };
  refused("torch's operator aten::nonzero, which does not",
          [](const Tensor& x) { return x.nonzero(); });
  refused("item(), which reads a number",
          [](const Tensor& x) { return x.narrow(0, 0, x.argmax().item<int64_t>()); });
  refused("a copy to another device", [](const Tensor& x) { return x.cpu(); });
  refused("a read of its memory",
          [](const Tensor& x) { return full({2}, x.const_data_ptr<float>()[0]); });
  refused("an operator with a tensor that has numbers; x.new_zeros(...) makes one that has none",
          [](const Tensor& x) { return x + ones({3}); });
  EXPECT_EQ(outputsize([](const Tensor& x) { return x + x.new_ones({3}); }, {5, 3}), (Shape{5, 3}));
}

// Rows until the first one that sums to less than zero: as many as the numbers say.
struct Head {
  int64_t rows;
  Tree initial_parameters(Rng) const { return named({{"shift", ones({1}, {.dtype = kFloat64})}}); }
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const {
    if (x.sum().item<double>() < 0) fail(*this, "expected a sum of at least 0.");
    return {x.narrow(0, 0, rows), st};
  }
  Shape output_size(Shape x) const {
    if (x.empty()) fail(*this, "expected x of shape (rows, ...), got ().");
    x[0] = rows;
    return x;
  }
};

TEST(OutputSize, AsksALayersHookInPlaceOfItsCall) {
  EXPECT_EQ(outputsize(Head{3}, {5, 2}), (Shape{3, 2}));
  EXPECT_EQ(outputsize(Layer(Head{3}), {5, 2}), (Shape{3, 2}));
  EXPECT_EQ(outputsize(Chain(Dense(2, 4), Head{3}, Dense(4, 1)), {5, 2}), (Shape{3, 1}));
  auto model = compact(field("head", Head{3}), field("last", Dense(2, 1)))
                   .forward([](const Tensor& x, auto& head, auto& last) { return last(head(x)); });
  EXPECT_EQ(outputsize(model, {5, 2}), (Shape{3, 1}));
  EXPECT_ERROR(ShapeError, outputsize(Chain([](const Tensor& x) { return x.sum(); }, Head{3}), {2}),
               "[Head] at layer_2: expected x of shape (rows, ...), got ().");
  auto [ps, st] = setup(0, Head{3});
  EXPECT_ERROR(ShapeError, apply(Head{3}, -ones({5, 2}), ps, st),
               "[Head] expected a sum of at least 0.");
  // Of tokens the output has the parameters' dtype.
  EXPECT_EQ(output_structure(Head{3}, ones({5}, {.dtype = kInt64})).tensor().scalar_type(),
            kFloat64);
  EXPECT_EQ(output_structure(Head{3}, ones({5})).tensor().scalar_type(), kFloat32);
}

// A user's struct whose members are called by their types.
struct Typed {
  Chain trunk{Dense(2, 4, tanh), Dropout(0.5)};
  SkipConnection<false> skip{Dense(4, 4), [](const Tensor& y, const Tensor& x) { return y + x; }};
  LUXTORCH_LAYERS(trunk, skip)
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto [h, st_trunk] = trunk(x, ps["trunk"], st["trunk"]);
    auto [y, st_skip] = skip(h, ps["skip"], st["skip"]);
    return {y.tensor(), named({{"trunk", st_trunk}, {"skip", st_skip}})};
  }
};

TEST(Summaries, OfAShapeAreThoseOfAnInput) {
  auto text = [](const Summary& s) {
    std::ostringstream out;
    out << s;
    return out.str();
  };
  auto alike = [&](const auto& model, const Tensor& x) {
    auto [ps, st] = setup(Rng(0), model);
    EXPECT_EQ(text(summary(model, x.sizes(), x.scalar_type())), text(summary(model, ps, st, x)));
  };
  alike(Typed{}, ones({5, 2}));
  alike(Chain(Dense(2, 3), BatchNorm(3), Dropout(0.5), Parallel(nullptr, Dense(3, 1), relu6)),
        ones({5, 2}));
  alike(Chain(Embedding(9, 4), BidirectionalRNN(LSTMCell(4, 3)), Recurrence(RNNCell(6, 2))),
        ones({5, 7}, {.dtype = kInt64}));
  EXPECT_EQ(
      text(summary(Typed{}, {32, 2})),
      "path           layer                          output   parameters  states  bytes  flops\n"
      "---------------------------------------------------------------------------------------\n"
      "(model)        Typed                          (32, 4)           0       0      0      0\n"
      "trunk          Chain                          (32, 4)           0       0      0      0\n"
      "trunk.layer_1  Dense(2 => 4, tanh)            (32, 4)          12       0     48    512\n"
      "trunk.layer_2  Dropout(0.5)                   (32, 4)           0       2      0      0\n"
      "skip           SkipConnection(Dense(4 => 4))  (32, 4)          20       0     80  1_024\n"
      "---------------------------------------------------------------------------------------\n"
      "total                                                          32       2    128  1_536\n");
}

TEST(Summaries, CountTheOperationsOfProducts) {
  auto flops = [](const auto& model, const Shape& x, Dtype dtype = kFloat32) {
    return summary(model, x, dtype).flops;
  };
  const int64_t batch = 4, time = 5, in = 3, out = 2;
  const Shape x{batch, time, in};
  EXPECT_EQ(flops(Dense(in, out, relu), x), 2 * batch * time * in * out);
  EXPECT_EQ(flops(Recurrence(RNNCell(in, out)), x), 2 * batch * time * out * (in + out));
  EXPECT_EQ(flops(Recurrence(RNNCell(in, out, softsign)), x), 2 * batch * time * out * (in + out));
  EXPECT_EQ(flops(Recurrence(GRUCell(in, out)), x), 2 * batch * time * 3 * out * (in + out));
  EXPECT_EQ(flops(BidirectionalRNN(LSTMCell(in, out)), x),
            2 * 2 * batch * time * 4 * out * (in + out));
  EXPECT_EQ(flops(LSTM(in, out, {.num_layers = 2}), x),
            2 * batch * time * 4 * out * (in + out + out + out));
  EXPECT_EQ(flops(LSTMCell(in, out), {batch, in}), 2 * batch * 4 * out * (in + out));
  EXPECT_EQ(flops(LSTMCell(in, out), {in}), 2 * 4 * out * (in + out));
  // A token is a row of the weight.
  EXPECT_EQ(flops(GRU(9, out), {batch, time}, kInt64), 2 * batch * time * 3 * out * out);
  EXPECT_EQ(flops(RepeatedLayer(Dense(in, in), {.repeats = 3}), x), 3 * 2 * batch * time * in * in);
  EXPECT_EQ(flops(Chain(Dropout(0.5), BatchNorm(time), relu), x), 0);

  // They stand in the row of the layer that takes them, and in that of LSTM for its cells.
  const auto s = summary(Chain(LSTM(in, out), Dense(out, 1)), x);
  EXPECT_EQ(s.rows[0].flops, 0);
  EXPECT_EQ(s.rows[1].flops, 2 * batch * time * 4 * out * (in + out));
  EXPECT_EQ(s.rows[2].flops, 2 * batch * out);

  // With numbers they are the same.
  Chain model(Recurrence(LSTMCell(in, out)), Dense(out, 1));
  auto [ps, st] = setup(0, model);
  EXPECT_EQ(summary(model, ps, st, ones(x)).flops, flops(model, x));
}

}  // namespace
}  // namespace luxtorch
