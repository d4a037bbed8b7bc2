// What a layer says of its own parameters and states, so that they are known without being drawn.
//
//     struct Slope {
//       int64_t dims;
//       std::vector<ParameterSpec> parameters() const {
//         return {{.name = "weight", .shape = {dims}, .init = init::ones}};
//       }
//       std::vector<StateSpec> states() const { return {{"calls", 0}}; }
//       Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
//     };
//
// From these lists come the draws of setup, structure(model), counts, checks and printing, and the
// layouts of PyTorch and Lux (to_torch, from_torch, to_lux, from_lux). A layer whose parameters are
// no such list has initial_parameters(Rng) and initial_states(Rng) instead (layer.h).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"
#include "luxtorch/init.h"
#include "luxtorch/tree.h"

namespace luxtorch {

/// How another library names a tensor of a layer, and how it lays it out.
struct TensorLayout {
  /// How dimensions may lie there.
  enum class Dims {
    Same,  ///< as here
    /// (a, b, c) here is (c, b, a) there, as in Julia's arrays of data. from_lux takes a parameter with
    /// any number of sizes 1 behind these: (c, b, a, 1) too.
    Reversed,
    Column,  ///< (n) here is (n, 1) there; (n) is read too
    /// Rows of a larger tensor of the layer outside this one, which has the name there: all parameters
    /// of one such name, one after the other. In PyTorch alone.
    Rows,
    /// Not there, as a buffer that is not persistent: to_torch leaves it out where it has setup's numbers,
    /// from_torch takes it if it is there and else computes it as setup does. Of states whose .init draws nothing. In PyTorch alone.
    Computed,
    ReversedColumn,  ///< as Reversed, with a 1 behind: (a, b) here is (b, a, 1) there
  };
  std::string name = {};   ///< Its name there; "": the name that it has here.
  Dims dims = Dims::Same;  ///< Where its dimensions are there.
  /// For everything else: the other library's tensor from ours, in place of .dims. It also gets zeros,
  /// to learn the shape there.
  std::function<Tensor(const Tensor& ours)> from_ours = {};
  /// The reverse of from_ours. Both or neither.
  std::function<Tensor(const Tensor& theirs)> to_ours = {};
};

/// A parameter of a layer's own.
struct ParameterSpec {
  std::string name;        ///< Its key in the layer's parameters; no dots.
  Shape shape;             ///< Sizes of at least 0.
  Initializer init;        ///< Its first values, drawn with a key that belongs to its path.
  Dtype dtype = kFloat32;  ///< What init gives.
  /// True: to_half and AlternatePrecision of half precision leave it in float32, as normalizations need.
  bool keeps_float32 = false;
  TensorLayout torch = {};  ///< In the state dict of the torch.nn module that computes the same.
  TensorLayout lux = {};    ///< In Lux 1.
  /// In Lux 0.5, where that is not as in Lux 1. A file of 0.5 is recognized by this name, or by this
  /// shape.
  std::optional<TensorLayout> lux_0_5 = {};
  /// In a layer of Lux that was built with cross_correlation = true, where that is not as in others: files
  /// do not tell (LuxOptions::cross_correlation).
  std::optional<TensorLayout> lux_cross_correlation = {};
};

/// A state of a layer's own: a value, a random key or a tensor.
struct LUXTORCH_API StateSpec {
  /// What a state is.
  enum class Kind {
    Value,        ///< .value, the same in every setup
    Rng,          ///< a key made from the setup's one and the state's path
    Tensor,       ///< a tensor of .shape, drawn by .init
    OnlyInTorch,  ///< no state here
  };
  /// A value: a bool, a number, a string, a tensor, nothing (Tree()), or a tree of them.
  StateSpec(std::string name, Tree value);
  /// A tensor; the arguments are those of ParameterSpec.
  StateSpec(std::string name, Shape shape, Initializer init, Dtype dtype = kFloat32,
            TensorLayout torch = {}, TensorLayout lux = {});
  /// A random key, which the layer folds on at each draw.
  static StateSpec rng(std::string name = "rng");
  /// A tensor that a torch.nn module has in its state dict, and the layer has not: to_torch writes
  /// this value, from_torch takes any or none.
  static StateSpec only_in_torch(std::string name, luxtorch::Tensor value);

  std::string name;         ///< Its key in the layer's states; no dots.
  Kind kind;                ///< What it is.
  Tree value = {};          ///< Of Value and OnlyInTorch.
  Shape shape = {};         ///< Of Tensor.
  Initializer init = {};    ///< Of Tensor.
  Dtype dtype = kFloat32;   ///< Of Tensor.
  TensorLayout torch = {};  ///< As of a parameter.
  TensorLayout lux = {};    ///< As of a parameter.

 private:
  StateSpec(Kind kind, std::string name);
};

/// Which of a layer's trees is meant.
enum class Initial {
  parameters,  ///< by parameters() or initial_parameters(Rng)
  states       ///< by states() or initial_states(Rng)
};

}  // namespace luxtorch
