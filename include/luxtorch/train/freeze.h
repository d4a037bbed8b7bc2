// Freezing parts of a model in training.
//
//     ts = freeze(ts, "lstm_cell");
//     ts = freeze(ts, [](const std::string& path) { return path.ends_with("bias"); });
//     ts = thaw(ts);
//
// Frozen parameters need no gradient computation and are not updated: no decay, no moment update,
// and an optimizer that counts updates does not count theirs. Their moments stay as they are. A
// tensor that the parameters hold at two places is frozen at both.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "luxtorch/core/api.h"
#include "luxtorch/train/train_state.h"

namespace luxtorch {

/// Picks parameters by their paths, such as "lstm_cell.weight_ih".
using PathPredicate = std::function<bool(const std::string& path)>;

/// Freezes all parameters at or below the path; "" means all. ts is not changed. TreeError: a path
/// without parameters (the message lists those that there are).
[[nodiscard]] LUXTORCH_API TrainState freeze(const TrainState& ts, std::string_view path);
/// Freezes the parameters whose paths the predicate picks, which may be none.
[[nodiscard]] LUXTORCH_API TrainState freeze(const TrainState& ts, const PathPredicate& which);
/// Makes the parameters at or below the path trainable again; "" means all. Errors as of freeze.
[[nodiscard]] LUXTORCH_API TrainState thaw(const TrainState& ts, std::string_view path = "");
/// Makes the parameters whose paths the predicate picks trainable again.
[[nodiscard]] LUXTORCH_API TrainState thaw(const TrainState& ts, const PathPredicate& which);

/// freeze in place.
LUXTORCH_API void freeze_(TrainState& ts, std::string_view path);
/// freeze in place.
LUXTORCH_API void freeze_(TrainState& ts, const PathPredicate& which);
/// thaw in place.
LUXTORCH_API void thaw_(TrainState& ts, std::string_view path = "");
/// thaw in place.
LUXTORCH_API void thaw_(TrainState& ts, const PathPredicate& which);

}  // namespace luxtorch
