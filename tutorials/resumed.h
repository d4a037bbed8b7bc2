// How a training that has written checkpoints goes on.
#pragma once

#include <luxtorch/checkpoint/checkpoint.h>

#include <filesystem>
#include <optional>
#include <string>

/// The newest whole checkpoint, if the training is to go on; what is broken is named. A folder that has some is not
/// written over. Checkpoints have the values `recipe` and `corpus`, which must be these. ArgumentError, in the name of
/// the program: others, or a folder with checkpoints where the training is not to go on.
std::optional<luxtorch::Checkpoint> resumed(const std::string& program,
                                            const luxtorch::CheckpointFolder& folder,
                                            const std::filesystem::path& out, bool resume,
                                            const luxtorch::Tree& recipe,
                                            const std::string& corpus);
