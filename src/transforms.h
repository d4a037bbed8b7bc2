// Torch's function transforms (vmap, forward mode, gradients inside of them): levels on a stack of this thread, which wrap
// tensors.
//
// Level 1. Below everything that draws random numbers or looks at values by itself.
#pragma once

#include <c10/core/DispatchKeySet.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "luxtorch/core/types.h"
#include "luxtorch/rng.h"

namespace luxtorch::transforms {

/// Does this thread run a function under a transform?
inline bool active() {
  constexpr auto key = c10::DispatchKey::FuncTorchDynamicLayerFrontMode;
  return c10::impl::tls_is_dispatch_key_included(key) &&
         !c10::impl::tls_is_dispatch_key_excluded(key);
}

inline constexpr c10::DispatchKeySet kWrappers{c10::DispatchKey::FuncTorchBatched,
                                               c10::DispatchKey::FuncTorchGradWrapper};
/// Is it of a transform, which wraps tensors?
inline bool is_wrapped(const Tensor& t) { return t.key_set().has_any(kWrappers); }

/// As long as one lives, operators on plain tensors run as if there were no transform.
class Outside {
 public:
  Outside();

 private:
  c10::impl::ExcludeDispatchKeyGuard guard_;
};

/// The plain tensor inside all wrappers: mapped dimensions are among its own. For looking at values.
Tensor underlying(const Tensor& t);

/// t as a constant of every derivative, whether a graph or a tangent carries it; t itself where nothing does.
Tensor detached(const Tensor& t);

/// What a draw under vmap gives: draw(rng) outside of it; with Randomness::Different a batched tensor, of which sample i
/// has draw(rng.fold_in(i)). ArgumentError where a vmap's randomness was not stated.
Tensor drawn(Rng rng, const std::function<Tensor(Rng)>& draw);
/// The same of several tensors that one draw gives.
std::vector<Tensor> drawn(Rng rng, const std::function<std::vector<Tensor>(Rng)>& draw);

/// As long as one lives, this thread runs a function of which a gradient is taken outside of transforms, so that gradients
/// taken inside of it must be part of its graph.
class DifferentiatedFunction {
 public:
  DifferentiatedFunction();
  ~DifferentiatedFunction();
  DifferentiatedFunction(const DifferentiatedFunction&) = delete;
  DifferentiatedFunction& operator=(const DifferentiatedFunction&) = delete;
};
/// Does one live?
bool in_differentiated_function();

/// Does a level of this thread, a gradient's or one in forward mode, differentiate what the innermost one gives?
bool differentiated();

/// Pushed by its constructor, popped by its destructor; innermost first.
class Level {
 public:
  ~Level();
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;
  int64_t id() const { return id_; }
  /// Takes this level's wrapper off; for gradients and forward mode.
  Tensor unwrap(const Tensor& t) const;

 protected:
  explicit Level(int64_t id) : id_(id) {}

 private:
  int64_t id_;
};

/// In it, gradients by the tensors that wrap() gave.
class GradientLevel : public Level {
 public:
  GradientLevel();
  Tensor wrap(const Tensor& t) const;
};

/// In it, tensors made by dual() carry a tangent.
class ForwardLevel : public Level {
 public:
  ForwardLevel();
  ~ForwardLevel();
  Tensor dual(const Tensor& primal, const Tensor& tangent) const;
  /// The value and its tangent, which is undefined for a constant.
  std::pair<Tensor, Tensor> parts(const Tensor& t) const;

 private:
  bool before_;
};

/// In it, the samples of one mapped dimension, all at once.
class VmapLevel : public Level {
 public:
  /// first: the number of the first sample, for draws.
  VmapLevel(int64_t size, int64_t first, Randomness randomness);
  ~VmapLevel();
  Tensor map(const Tensor& t, int64_t dim) const;
  /// The batch with its mapped dimension first; has_batch: whether t depends on the sample at all.
  Tensor batch(const Tensor& t, bool& has_batch) const;
};

}  // namespace luxtorch::transforms
