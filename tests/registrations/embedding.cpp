// Embedding.
#include "luxtorch/layers/embedding.h"

#include "luxtorch/core/ops.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_embedding(+[] {
  auto tokens = tensor({0, 2, 1, 1, 0, 2, 2, 2, 1, 0, 0, 1}).reshape({4, 3});
  return LayerRegistration{
      .name = "Embedding",
      .rows = {with_normals(without_rows(row("Embedding", Embedding(4, 2), tokens, {8, 0}))),
               without_rows(row("EmbeddingOfAVector", Embedding(3, 2, {.init_weight = init::rand}),
                                tokens.select(1, 0), {6, 0}))},
      .golden_in = "layers/embedding_golden_test.cpp",
      .compared_in = "cases/layers.cpp",
      .digest = "52f511f642122764"};
});

}  // namespace
}  // namespace luxtorch::testing
