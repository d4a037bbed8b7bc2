// Runs a Program over parameters.
//
// Level 4. A Slice is one parameter with its gradient and moments; on devices without a loop of
// ours it may stand for a whole group of them. Rule by rule, so that a norm can be taken over
// everything.
#pragma once

#include <array>
#include <vector>

#include "luxtorch/core/types.h"
#include "optim/optim_rules.h"

namespace luxtorch::detail {

struct Slice {
  size_t array = 0, group = 0;  // of the layout; of several parameters the first
  bool whole_group = false;
  const std::string* path = nullptr;
  Dtype dtype = kFloat32;
  int64_t n = 0;
  bool loops = false;  // plain memory: the pointers hold; else the tensors
  void *x = nullptr, *d = nullptr;
  const void* g = nullptr;
  Tensor tx, tg, td;
  std::vector<void*> s;  // by slot of the program
  std::vector<Tensor> ts;
  bool active = true;  // false once a rule keeps the gradient to itself
};

/// x -= d for what the rules make of g, or with apply = false d alone (then and with several rules
/// d must be there). counts: by rule, by array. Slices that end inactive have not moved. first: the
/// rules before it do not see g.
void run_program(const Program& program, std::vector<Slice>& slices,
                 std::vector<std::vector<int64_t>>& counts, bool apply, size_t first = 0);

/// A formula on tensors, in place: x -= direction, or d = direction where d is defined.
void run_on_tensors(kernels::Formula formula, const Tensor& x, const Tensor& g, const Tensor& d,
                    const Tensor* s, const double* c);

}  // namespace luxtorch::detail
