// Embedding and EmbeddingBag compared with Python PyTorch: alone, and in a sequence-to-one model over rows of several
// lengths, with ten steps of training.
#include "layers/as_torch.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/embedding.h"
#include "luxtorch/layers/embedding_bag.h"
#include "luxtorch/layers/function.h"
#include "luxtorch/layers/parallel.h"
#include "luxtorch/layers/sequence.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/train/train_state.h"
#include "support/golden.h"

namespace luxtorch::testing {
namespace {

TEST(EmbeddingGolden, RowsAndTheirGradients) {
  auto expected = load_golden("embedding")["rows"];
  auto tokens = expected["tokens"].tensor();
  expect_as_torch(expected, [&](const Tree& in) -> std::pair<Tensor, Tree> {
    return {Embedding(7, 3)(tokens, in["ps"], named({})).first, tuple({})};
  });
}

TEST(EmbeddingGolden, ThePaddingHasItsRowAndNoGradient) {
  const Tree expected = load_golden("embedding")["padding"];
  const Tensor tokens = expected["tokens"].tensor();
  const Embedding layer(7, 3, {.padding_idx = 6});
  expect_as_torch(expected, [&](const Tree& in) -> std::pair<Tensor, Tree> {
    return {layer(tokens, in["ps"], named({})).first, tuple({})};
  });
}

TEST(EmbeddingGolden, BagsOfEveryModeWithPaddingAndLengths) {
  const Tree bags = load_golden("embedding")["bags"];
  const Tensor tokens = bags["tokens"].tensor(), lengths = bags["lengths"].tensor();
  const std::pair<const char*, BagMode> modes[] = {
      {"sum", BagMode::Sum}, {"mean", BagMode::Mean}, {"max", BagMode::Max}};
  for (auto [name, mode] : modes) {
    const EmbeddingBag all(7, 3, {.mode = mode}), padded(7, 3, {.mode = mode, .padding_idx = 6});
    auto expect = [&, n = name](const char* key, const EmbeddingBag& layer, const Tree& x) {
      SCOPED_TRACE(std::string(n) + ", " + key);
      expect_as_torch(bags[n][key], [&](const Tree& in) -> std::pair<Tensor, Tree> {
        return {apply<Tensor>(layer, x, in["ps"], named({})).first, tuple({})};
      });
    };
    expect("all", all, tokens);
    expect("padding", padded, tokens);
    expect("lengths", all, tuple({tokens, lengths}));
    expect("both", padded, tuple({tokens, lengths}));
  }
}

// Of a tuple (tokens, lengths).
Layer sequence_to_one() {
  return Chain(field("words", Parallel(nullptr, field("embedding", Embedding(7, 3)), NoOpLayer())),
               field("lstm", LSTM(3, 4)), field("head", Dense(4, 1)),
               [](const Tensor& y) { return y.squeeze(-1); });
}
Tree with_our_names(const Tree& ps) {
  return named({{"words", named({{"embedding", ps["embedding"]}, {"layer_2", named({})}})},
                {"lstm", ps["lstm"]},
                {"head", ps["head"]},
                {"layer_4", named({})}});
}

TEST(EmbeddingGolden, SequenceToOneModelOverRowsOfSeveralLengths) {
  for (auto dtype : {kFloat64, kFloat32}) {
    SCOPED_TRACE(dtype == kFloat64 ? "float64" : "float32");
    auto tolerance = dtype == kFloat64 ? kGoldenFloat64 : kGoldenFloat32;
    auto expected = tree::to(load_golden("embedding")["model"], dtype);
    auto model = sequence_to_one();
    auto st = model.initial_states(Rng(0));
    auto ps = with_our_names(expected["ps"]);
    auto x = tuple({expected["tokens"], expected["lengths"]});
    BinaryCrossEntropyLoss loss{.logits = true};
    auto got = value_and_grad(
        [&](const Tree& ps) {
          auto y = apply<Tensor>(model, x, ps, st).first;
          return std::pair{loss(y, expected["labels"].tensor()), Tree(y)};
        },
        ps);
    EXPECT_CLOSE(got.aux.tensor(), expected["y"].tensor(), tolerance);
    EXPECT_TREES_CLOSE(got.grads, with_our_names(expected["grads"]), tolerance);

    TrainState ts(model, ps, st, Adam(0.05));
    for (const auto& value : expected["losses"].elements()) {
      auto step = single_train_step_(loss, tuple({x, expected["labels"]}), ts);
      EXPECT_NEAR(step.loss.item<double>(), value.scalar<double>(),
                  dtype == kFloat64 ? 1e-10 : 1e-5);
    }
  }
}

}  // namespace
}  // namespace luxtorch::testing
