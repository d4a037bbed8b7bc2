// Runs a Program's stages over parameters.
//
// Level 4. A Slice is one parameter with its gradient and moments; on devices without a loop of
// ours it may stand for a whole group of them. Stage by stage, so that a norm can be taken over
// everything.
#pragma once

#include <array>
#include <functional>
#include <vector>

#include "luxtorch/core/types.h"
#include "optim/program.h"

namespace luxtorch::detail {

struct Slice {
  size_t array = 0, group = 0;  // of the layout; of several parameters the first
  bool whole_group = false;
  const std::string* path = nullptr;
  const std::vector<int64_t>* sizes = nullptr;
  Dtype dtype = kFloat32;
  int64_t n = 0;       // of its elements that lie in the own part; 0: none
  bool loops = false;  // plain memory: the pointers hold; else the tensors
  void *x = nullptr, *d = nullptr;
  const void* g = nullptr;
  Tensor tx, tg, td;     // tg: with loops, defined where g is not in d
  std::vector<void*> s;  // by slot of the program
  std::vector<Tensor> ts;
  bool active = true;  // false once a rule keeps the gradient to itself
};

enum class Pass {
  update,     // x -= d for what the stages make of g
  transform,  // d alone
  flush       // an update with the means of AccumGrad's windows that are not full
};

/// Runs a stage of a user's own: it changes the slices' g and active.
using OwnStage = std::function<void(size_t stage, std::vector<Slice>&)>;

/// Makes of power sums of own parts of arrays (sum |x|^p, max |x| for infinity) those of whole arrays. Empty: they are
/// whole already.
using CombineSums = std::function<void(std::vector<double>& power_sums, double p)>;

/// d must be there where a stage writes directions (writes_directions in flat_run.cpp). counts: by stage, by
/// array. Slices that end inactive have not moved.
void run_stages(std::span<const Stage* const> stages, std::span<const Place> places,
                std::span<const Mask> masks, std::vector<Slice>& slices,
                std::vector<std::vector<int64_t>>& counts, Pass pass, const OwnStage& own,
                const CombineSums& combine);

/// A formula on tensors, in place: x -= direction, or d = direction where d is defined.
void run_on_tensors(kernels::Formula formula, const Tensor& x, const Tensor& g, const Tensor& d,
                    const Tensor* s, const double* c);

}  // namespace luxtorch::detail
