// A run with two checkpoints, for tests that spoil one.
#pragma once

#include "luxtorch/checkpoint/checkpoint.h"
#include "support/files.h"
#include "train/train_state_cases.h"

namespace luxtorch::testing {

/// A run with the steps 1 and 2.
struct TwoSaved {
  explicit TwoSaved(const std::string& name, CheckpointFolderOptions options = {})
      : folder(test::fresh_folder(name), options) {
    for (int64_t step : {1, 2}) save(step);
  }
  std::filesystem::path save(int64_t step, const Tree& values = {}) const {
    TrainState ts = fresh();
    ts.step = step;
    return folder.save(ts, {.values = values});
  }
  std::filesystem::path path(int64_t step) const {
    return folder.path() / ("step_00000000" + std::to_string(step));
  }
  std::string file(const char* name) const { return path(2) / name; }

  /// Why step 2 is skipped; "" where it is not.
  std::string skipped() const {
    auto found = folder.resume();
    EXPECT_TRUE(found.checkpoint);
    if (found.skipped.empty()) return "";
    EXPECT_EQ(found.checkpoint->step, 1);
    EXPECT_EQ(found.skipped.size(), 1U);
    EXPECT_EQ(found.skipped[0].path, path(2));
    return found.skipped[0].reason;
  }

  CheckpointFolder folder;
};

}  // namespace luxtorch::testing
