// LoRA: fine-tuning of a trained model by matrices of low rank beside its own, which stay as they are.
//
//     auto [tuned, parts] = lora(model, ps, [](const std::string& path) {
//       return path.ends_with("weight");
//     }, {.rank = 4});
//     TrainState small(tuned.with_base(ps), parts["lora"], st, Adam(1e-3));
//     single_train_step_(objective, batch, small);
//     Tree merged = merge_lora(tuned, parts.with("lora", small.parameters()));
//     predict(model, x, merged, st);
//
// Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models". Parameters are arguments of a
// call, so this works for every layer, without changing the model.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"
#include "luxtorch/train/freeze.h"

namespace luxtorch {

/// The options of Lora.
struct LoraOptions {
  int64_t rank = 8;  ///< From 1 to the smaller size of each picked matrix.
  double alpha = 8;  ///< The product of a pair is multiplied by alpha / rank.
  Rng rng = Rng(0);  ///< The key of `lora`'s draws.
};

namespace detail {
/// A picked parameter, seen as a matrix (rows, columns).
struct LoraMatrix {
  std::string path;
  int64_t rows, columns;
};
struct LoraBase;
}  // namespace detail

/// A model in which each picked matrix W (out, in) is W + alpha / rank * b a. x, y and states are those
/// of the model. Parameters: base, those of the model, and lora, which has a named tree {a, b} at each
/// picked path: a (rank, in), uniform within +-1/sqrt(in), and b (out, rank), zeros, so that a new Lora
/// computes what the model computes. W may have more dimensions: (out, rest), as Conv's kernels. Each
/// picked path has a pair of its own, also where one tensor stands at several paths.
///
/// base is a constant: a derivative of it is 0. Train with with_base, so that gradients, moments and
/// checkpoints are of lora alone. In half precision: lora(mixed(model, kBFloat16), ...), which
/// converts the sums.
class LUXTORCH_API Lora {
 public:
  /// which: true for the paths of the parameters to be picked, "layer_1.weight".
  ///
  /// ArgumentError: no path is picked (the message lists them); a rank out of its range, an alpha that
  /// is not finite. ShapeError: a picked parameter has less than 2 dimensions. Both name its path.
  Lora(Layer model, const PathPredicate& which, LoraOptions options = {});

  /// The same with these parameters of the model, which the layer then holds: its parameters are lora
  /// alone. The tensors are shared, not copied: they must not be changed in place. TreeError: they do
  /// not fit the model.
  [[nodiscard]] Lora with_base(const Tree& base) const;

  /// The SHA-256 of the parameters that with_base was given: of their paths, dtypes, shapes and bytes. ""
  /// without them. It is computed in the first call, which reads all bytes of the base: so does the first
  /// save of a checkpoint. Checkpoints hold it, and restore_ refuses another base. Where the model has a
  /// Lora with a base inside, that base is no part of it.
  std::string base_sha256() const;

  /// {base, lora}, or lora.
  Tree initial_parameters(Rng rng) const;
  /// The model's states.
  Tree initial_states(Rng rng) const;
  /// Those of a new model with these parameters: setup.
  Tree settled_states(const Tree& ps, const Tree& st) const;
  /// The model's y and new states. Errors are the model's.
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "Lora(Chain, rank=8, alpha=8)".
  std::string label() const;

 private:
  friend LUXTORCH_API std::pair<Lora, Tree> lora(Layer model, const Tree& ps,
                                                 const PathPredicate& which, LoraOptions options);
  friend LUXTORCH_API Tree merge_lora(const Lora& model, const Tree& ps);

  Tree new_pairs(Rng rng) const;
  Tree merged(const Tree& base, const Tree& pairs) const;

  Layer model_;
  LoraOptions options_;
  std::vector<detail::LoraMatrix> matrices_;
  std::shared_ptr<const detail::LoraBase> base_;  // nullptr without with_base
};

/// The model with pairs, and its parameters {base, lora}: base is ps, and new pairs have the dtypes and
/// devices of their matrices. Errors are those of Lora's constructor; TreeError: a ps that does not fit
/// the model.
[[nodiscard]] LUXTORCH_API std::pair<Lora, Tree> lora(Layer model, const Tree& ps,
                                                      const PathPredicate& which,
                                                      LoraOptions options = {});

/// The parameters of the model without pairs, each picked matrix the sum W + alpha / rank * b a. With
/// them the model computes what it computes with pairs, bit for bit. ps: {base, lora}, or lora of a
/// Lora with a base. TreeError: a ps that does not fit.
[[nodiscard]] LUXTORCH_API Tree merge_lora(const Lora& model, const Tree& ps);

}  // namespace luxtorch
