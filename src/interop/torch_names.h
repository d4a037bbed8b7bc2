// The names of a model's tensors in a state dict.
#pragma once

#include <string>
#include <vector>

#include "interop/model_parts.h"

namespace luxtorch::detail {

struct TorchName {
  enum class Where { Parameters, States, OnlyInTorch };
  std::string name;  // "0.weight_ih_l0"
  Where where;
  std::string path;           // in ps or st
  TensorLayout layout = {};   // there
  Tensor only_in_torch = {};  // what there is and we have not
  std::string older = "";     // the name that older versions of PyTorch gave it
};

/// Of all tensors in ps and st that belong to a part, in torch's order. `who` complains about what
/// torch's modules do not hold (UnsupportedError).
std::vector<TorchName> torch_names(const char* who, const std::vector<ModelPart>& parts,
                                   const Tree& ps, const Tree& st);

/// The state dict of the named tensors, nested.
Tree state_dict(const std::vector<TorchName>& names, const Tree& ps, const Tree& st);

}  // namespace luxtorch::detail
