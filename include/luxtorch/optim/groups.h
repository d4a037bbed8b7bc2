// OptimizerGroups: settings, or other optimizers, for some of the parameters.
//
//     Optimizer o = OptimizerGroups(AdamW(1e-3, {.lambda = 0.01}),
//                                   {{"*.bias", {.lambda = 0}}, {"layer_2", {.lr = 1e-2}}});
//     Optimizer slower = adjust(o, {.lr = 1e-3}, "layer_2");
//
// A pattern names parameters by their paths: '*' stands for any characters, '?' for one, and a
// pattern that matches a part of the tree matches everything in it. The first pattern that matches
// counts; what matches none has the settings of the first argument. So each parameter is in one
// group. A parameter that stands at several places is named by each of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/optim/optim.h"

namespace luxtorch {

/// The parameters that a pattern names.
struct OptimizerGroup {
  /// What differs from the settings of the others.
  OptimizerGroup(std::string paths, const Hyperparameters& h)
      : pattern(std::move(paths)), changes(h) {}
  /// Another optimizer.
  OptimizerGroup(std::string paths, Optimizer o)
      : pattern(std::move(paths)), optimizer(std::move(o)) {}

  std::string pattern;                      ///< Which parameters.
  Hyperparameters changes = {};             ///< Without an optimizer of its own.
  std::optional<Optimizer> optimizer = {};  ///< Its own.
};

/// An optimizer with groups of parameters. It is one pass over memory, and each group's moments lie
/// in the same flat arrays. What looks at all gradients (ClipGlobalNorm) sees those of its group;
/// before OptimizerGroups in a chain it sees all, and costs less: a clip of a later group can fail when
/// earlier groups have moved, so a step then works on copies. The state is a tuple with that of each group, and
/// at the end that of the other parameters. adjust without a pattern changes all groups.
///
/// ArgumentError: a hyper-parameter that the optimizer does not have, a user's own optimizer as a
/// part, groups in groups; at init, a pattern that matches no parameter (the message lists the
/// paths), or only those of patterns before it.
struct LUXTORCH_API OptimizerGroups : Optimizer {
  /// optimizer: for the parameters that are in no group.
  OptimizerGroups(const Optimizer& optimizer, const std::vector<OptimizerGroup>& groups);
};

}  // namespace luxtorch
