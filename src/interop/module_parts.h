// What is asked of a torch::nn module and of its parts. The one place that sees torch::nn's headers is module_parts.cpp.
#pragma once

#include <string>
#include <vector>

#include "luxtorch/interop/torch_module.h"

namespace luxtorch::detail {

/// The module's own tensors, each once: of two names for one tensor the first counts.
std::vector<Tree::Item> own_parameters(const torch::nn::Module& module);
std::vector<Tree::Item> own_buffers(const torch::nn::Module& module);
/// The module's parts at every depth, parents first; "" is the module itself.
std::vector<std::string> part_names(const torch::nn::Module& module);
/// "torch::nn::Linear(in_features=2, out_features=3, bias=true)"
std::string module_label(const torch::nn::Module& module);
/// Are both of one dynamic type?
bool same_type(const torch::nn::Module& a, const torch::nn::Module& b);

/// Does a part draw random numbers when training?
bool draws_random_numbers(const torch::nn::Module& module);

/// train(on) for all parts that are not so already.
void set_training(torch::nn::Module& module, bool on);
std::vector<bool> training_flags(const torch::nn::Module& module);
void restore_training_flags(torch::nn::Module& module, const std::vector<bool>& flags);

/// reset_parameters() of every part whose type is known to have it, in place, each part from rng folded with its name.
void reset_parts(const ModuleHandle& module, const std::vector<std::string>& names, Rng rng);

}  // namespace luxtorch::detail
