// A case of the comparison with Python PyTorch: what is computed here. Beside cases/NAME.cpp lies
// cases/NAME.py, which computes the same there and makes the data for both.
//
//     const Registration dense("layers/dense", [] {
//       return Case{Chain(Dense(32, 64, luxtorch::tanh), Dense(64, 10)), MSELoss{}};
//     });
//
// The parameters come from PyTorch by from_torch(), so the model's names there must be those of the
// module (luxtorch/interop/state_dict.h).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "luxtorch/layer.h"

namespace comparison {

struct Case {
  luxtorch::Layer model;  // x -> y_hat, one tensor
  /// A tensor without dimensions.
  std::function<luxtorch::Tensor(const luxtorch::Tensor& y_hat, const luxtorch::Tensor& y)> loss;
};

/// Makes a case known under its name, GROUP/NAME, as it is in Python. std::logic_error for a name that
/// another one has.
class Registration {
 public:
  Registration(const std::string& name, std::function<Case()> make);
  /// Several cases, asked for at the first use of any, when all constants of the program are there.
  explicit Registration(std::map<std::string, std::function<Case()>> (*several)());
};

/// std::runtime_error for a name that no case has.
Case make_case(const std::string& name);
std::vector<std::string> case_names();

}  // namespace comparison
