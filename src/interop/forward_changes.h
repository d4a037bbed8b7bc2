// What a module's forward does to what it is given: nothing, or a change in place.
#pragma once

#include <array>
#include <atomic>
#include <vector>

#include "luxtorch/interop/torch_module.h"

namespace luxtorch::detail {

/// Learns it from calls. A call gets copies until it is known that the module changes nothing (a ReLU with inplace changes
/// x, an Embedding with max_norm its weight), and then none any more. For many threads at once.
class ForwardChanges {
 public:
  /// Does a call in this mode need a copy?
  bool copies_x(bool training) const { return x_[training] != Habit::Keeps; }
  bool copies_parameters(bool training) const { return parameters_[training] != Habit::Keeps; }

  /// The tensors that one forward works on, and whether it has changed them.
  class Watch {
   public:
    /// With `fresh` they are copies, nobody else's.
    Watch(std::vector<Tensor> tensors, bool fresh);
    bool changed() const;
    bool fresh() const { return fresh_; }

   private:
    std::vector<std::pair<Tensor, uint32_t>> versions_;
    bool fresh_;
  };
  /// After a call. ArgumentError where the module changed what had not been copied.
  void learn(const torch::nn::Module& module, bool training, const Watch& x,
             const Watch& parameters);

 private:
  enum class Habit { Unknown, Keeps, Changes };
  using OfModes = std::array<std::atomic<Habit>, 2>;
  static void learn(const torch::nn::Module& module, std::atomic<Habit>& habit, const Watch& seen,
                    const char* what);

  OfModes x_{}, parameters_{};
};

/// A copy of t with memory of its own and no history, which counts its versions. For tensors of no function transform.
Tensor plain_copy(const Tensor& t);

}  // namespace luxtorch::detail
