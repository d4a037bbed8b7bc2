// What the processes of training_program do.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "distributed/process.h"
#include "luxtorch/group.h"
#include "luxtorch/train/train_state.h"

namespace luxtorch::testing {

/// The arguments behind the mode.
struct Words {
  std::vector<std::string> all;
  bool has(const std::string& word) const;
  /// The TrainState's options that they name; the parameters of all processes are compared at each step.
  TrainStateOptions options(const Group& group) const;
};

/// {"name": ["value", ...]}
void print_list(const std::string& name, const std::vector<std::string>& values);

/// Prints the optimizers whose state in parts does not give what the whole one gives. DTYPE of the parameters.
void rules(const Group& group, const Words& words);
/// Prints the promises of TrainState that a state in parts does not keep.
void promises(const Group& group);
/// Prints the bytes of Adam's moments in a new TrainState, and those of its parameters.
void moments(const Group& group, const Words& words);
/// Prints the errors of optimizers that cannot be in parts.
void refused(const Group& group);

}  // namespace luxtorch::testing
