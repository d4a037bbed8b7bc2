// A module that cannot be copied, used itself: one call at a time.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "interop/forward_changes.h"
#include "luxtorch/interop/torch_module.h"

namespace luxtorch::detail {

/// The module's own tensors hold others' data during a call, and nothing may remember them after it. So the call records no
/// graph; the backward pass runs forward again to get its gradients, which are therefore of first order only.
class ModuleTurns : public std::enable_shared_from_this<ModuleTurns> {
 public:
  struct Call {
    std::vector<Tensor> tensors;  // for the module's own: the parameters, then the buffers
    size_t parameters;            // how many of them are parameters
    Tree x;
    bool training;
    std::optional<uint64_t> seed;  // for torch's generator, if the module draws

    /// Where x is.
    Device device() const;
  };
  struct Result {
    Tree y;
    std::vector<Tensor> buffers;
  };

  /// own: the module's tensors, in the order of a call's. why: "without clone()", or what else keeps it from being copied;
  /// advice: what to do about that, a sentence.
  ModuleTurns(ModuleHandle module, std::vector<Tensor> own, std::string why, std::string advice)
      : module_(std::move(module)),
        own_(std::move(own)),
        why_(std::move(why)),
        advice_(std::move(advice)) {}

  const std::string& why() const { return why_; }
  const std::string& advice() const { return advice_; }

  Result run(const Call& call);
  /// `start` after reset_parts.
  std::vector<Tensor> reset(const std::vector<Tensor>& start, const std::vector<std::string>& parts,
                            Rng rng);

  /// Has the module to itself, with a call's values, until it ends; then the module is as it was.
  class Turn;

 private:
  friend class Turn;
  friend struct Recompute;
  ModuleHandle module_;
  std::vector<Tensor> own_;
  std::string why_, advice_;
  ForwardChanges changes_;
  std::mutex mutex_;
};

}  // namespace luxtorch::detail
