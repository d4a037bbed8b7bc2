// What is asked of a torch::nn module and of its parts, whatever they are.
#pragma once

#include <string>
#include <vector>

#include "interop/module_kinds.h"
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

/// Do members of the module's that its copy has of its own stand for other tensors or parts in the module itself? So it is
/// where they were assigned (`decoder->weight = encoder->weight`), which clone() does not repeat.
bool lost_assignments(const torch::nn::Module& module, const torch::nn::Module& copy);

/// When do the module and its parts draw random numbers, as far as their types tell?
Draws draws_random_numbers(const torch::nn::Module& module);

/// train(on) for all parts that are not so already.
void set_training(torch::nn::Module& module, bool on);
std::vector<bool> training_flags(const torch::nn::Module& module);
void restore_training_flags(torch::nn::Module& module, const std::vector<bool>& flags);

/// New values in place, as the module itself draws them: for all of it where its type says how; else for each part whose
/// type does, from rng folded with the part's name.
void reset_parts(const ModuleHandle& module, const std::vector<std::string>& names, Rng rng);

}  // namespace luxtorch::detail
