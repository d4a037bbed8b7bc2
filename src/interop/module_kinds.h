// What torch's own modules are known for: who draws random numbers, and who draws its first values, and how.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "luxtorch/core/types.h"

namespace torch::nn {
class Module;
}

namespace luxtorch::detail {

enum class Draws { Never, InTraining, Always };
/// When does this module, its parts aside, draw random numbers in its forward?
Draws draws_itself(const torch::nn::Module& module);

/// Makes a module like this one with new values, if it is of torch's classes that have values to draw; else unset. The
/// containers, which merely hold parts, are not among them.
std::function<std::shared_ptr<torch::nn::Module>()> known_fresh(const torch::nn::Module& module);

/// The tensors that this module, of one of torch's classes, computes with; none for others, and for RNN, LSTM and GRU, whose
/// members nobody can assign.
std::vector<Tensor> members(const torch::nn::Module& module);

/// Has it values to draw in its parts only? A TransformerEncoder's reset() copies one layer's values into all.
bool merely_holds_parts(const torch::nn::Module& module);

}  // namespace luxtorch::detail
