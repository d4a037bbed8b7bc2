// Updates made of torch's operators, for derivatives of an update and for transforms.
//
// Level 4. The same formulas as the loops, out of place and one parameter at a time.
#pragma once

#include <initializer_list>
#include <utility>

#include "luxtorch/tree.h"
#include "optim/program.h"

namespace luxtorch::detail {

/// Must an update of these trees be part of a graph? A transform is active, a tensor requires grad
/// while gradients are recorded, or a tensor carries a tangent.
bool is_recorded(std::initializer_list<const Tree*> trees);

/// Optimizer::init, of tensors under transforms.
Tree recorded_init(const Program& program, const Tree& ps);

enum class Result { parameters, directions };
/// Optimizer::update or transform.
std::pair<Tree, Tree> recorded_update(const Program& program, const Tree& grads,
                                      const Tree& opt_state, const Tree& ps, Result result);
/// Optimizer::flush.
std::pair<Tree, Tree> recorded_flush(const Program& program, const Tree& opt_state, const Tree& ps);

}  // namespace luxtorch::detail
