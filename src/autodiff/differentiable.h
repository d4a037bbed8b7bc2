// What gradients and their relatives share: which leaves have derivatives, torch's complaints in words of ours, one pass
// backward.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "luxtorch/tree.h"

namespace luxtorch::detail {

/// A floating or complex tensor?
bool is_differentiable(const Tree& leaf);

/// What torch complains of, by itself or out of a layer (TorchError); "" for other errors. For handlers: the exception that
/// is being handled.
std::string complaint_of_torch();

/// Throws an ArgumentError for what torch says of functions that cannot be transformed: changes in place, values looked at.
/// Else throws what is being handled again.
[[noreturn]] void explain(const char* who);

/// Runs `run` so.
template <class F>
auto explaining_torch_errors(const char* who, const F& run) {
  try {
    return run();
  } catch (...) {
    explain(who);
  }
}

/// A value and its gradient by each of several tensors.
struct ValueAndGradients {
  Tensor value;
  std::vector<Tensor> gradients;
};
/// value_and_grad by a list of floating tensors: f gets the tensors that record, in the order of `at`. Zeros where the value
/// does not depend on one.
ValueAndGradients differentiate(const std::function<Tensor(const std::vector<Tensor>&)>& f,
                                const std::vector<Tensor>& at);

/// Throws an ArgumentError for a tensor of t that a derivative or a transform which is under way follows: `who` would make
/// a constant of it. The error's text ends with `advice`.
void refuse_followed(
    const char* who, const Tree& t,
    const char* advice =
        "a TrainState would make a constant of it. Use Optimizer::update there, or "
        "for a constant tree::detach or an at::NoGradGuard.");

/// Notices changes in place of the tensors of a tree, in their wrappers, too.
class Unchanged {
 public:
  explicit Unchanged(const Tree& t);
  /// Throws an ArgumentError if there was one since.
  void check(const char* who) const;

 private:
  std::vector<std::pair<Tensor, uint32_t>> versions_;
};

/// v' J: the gradients of y's tensors, weighted by v's, by `inputs`, which stand in the places of x' differentiable leaves.
/// Zeros where y does not depend on them; nothing for other leaves.
Tree gradients_by(const Tree& y, const std::vector<Tensor>& inputs, const Tree& v, const Tree& x);

}  // namespace luxtorch::detail
