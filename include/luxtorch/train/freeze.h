// Freezing parts of a model in training.
//
//     ts = freeze(ts, "lstm_cell");
//     ts = freeze(ts, [](const std::string& path) { return path.ends_with("bias"); });
//     ts = thaw(ts);
//
// Level 4. Frozen parameters cost no gradient work and are not updated: no decay, no moments, and
// an optimiser that counts updates does not count theirs. Their moments wait. A tensor that the
// parameters hold at two places is frozen at both.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "luxtorch/core/api.h"
#include "luxtorch/train/train_state.h"

namespace luxtorch {

using PathPredicate = std::function<bool(const std::string& path)>;

/// All parameters at or below the path, "" for all of them; a path that is not there is a TreeError
/// that lists those that are. Or those whose paths ("lstm_cell.weight_ih") the predicate picks, be
/// they none.
LUXTORCH_API [[nodiscard]] TrainState freeze(const TrainState& ts, std::string_view path);
LUXTORCH_API [[nodiscard]] TrainState freeze(const TrainState& ts, const PathPredicate& which);
LUXTORCH_API [[nodiscard]] TrainState thaw(const TrainState& ts, std::string_view path = "");
LUXTORCH_API [[nodiscard]] TrainState thaw(const TrainState& ts, const PathPredicate& which);

LUXTORCH_API void freeze_(TrainState& ts, std::string_view path);
LUXTORCH_API void freeze_(TrainState& ts, const PathPredicate& which);
LUXTORCH_API void thaw_(TrainState& ts, std::string_view path = "");
LUXTORCH_API void thaw_(TrainState& ts, const PathPredicate& which);

}  // namespace luxtorch
