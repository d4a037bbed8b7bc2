// Whole files for the fuzzer to begin with: those of our writers, and committed ones.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace luxtorch::fuzz {

struct Seed {
  std::string name;  // "trained_model.pt"
  std::string bytes;
};

/// Files that the target of this name reads. Those of JLD2 need a build with HDF5, but for the
/// committed ones. folder: where they may be written.
std::vector<Seed> seeds(std::string_view target, const std::filesystem::path& folder);

}  // namespace luxtorch::fuzz
