// The usual training step.
#pragma once

#include "luxtorch/train/train_state.h"
#include "problem.h"

namespace comparison {

class Training {
 public:
  /// `problem` must outlive it.
  explicit Training(const Problem& problem);

  /// Takes the next step and returns its loss. A model without parameters is not changed: its step is the loss
  /// and the gradients of x.
  double step();

 private:
  const Problem& problem_;
  luxtorch::Objective objective_;
  luxtorch::TrainState ts_;
  bool has_parameters_;
};

}  // namespace comparison
