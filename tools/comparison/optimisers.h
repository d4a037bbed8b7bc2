// The optimisers of the comparison by name; optimisers.py has the same ones of PyTorch.
#pragma once

#include <string>

#include "luxtorch/optim/optim.h"

namespace comparison {

/// std::runtime_error for a name that is not among them.
luxtorch::Optimizer make_optimiser(const std::string& name, double lr);

}  // namespace comparison
