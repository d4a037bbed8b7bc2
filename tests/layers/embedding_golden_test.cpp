// Embedding compared with Python PyTorch: alone, and in a sequence-to-one model over rows of several
// lengths, with ten steps of training.
#include "layers/as_torch.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/embedding.h"
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
