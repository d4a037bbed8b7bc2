#include "resumed.h"

#include <luxtorch/core/error.h>

#include <iostream>
#include <sstream>

std::optional<luxtorch::Checkpoint> resumed(const std::string& who,
                                            const luxtorch::CheckpointFolder& folder,
                                            const std::filesystem::path& out, bool resume,
                                            const luxtorch::Tree& recipe,
                                            const std::string& corpus) {
  if (!resume) {
    if (auto there = folder.checkpoints(); !there.empty())
      throw luxtorch::ArgumentError(
          who, "expected a folder without checkpoints, got " + out.string() + " with " +
                   there[0].filename().string() + ". Go on with --resume, or give another --out.");
    return {};
  }
  auto found = folder.resume();
  for (const auto& [path, reason] : found.skipped)
    std::cerr << who << ": skipped " << path.string() << ": " << reason << std::endl;
  if (!found.checkpoint) {
    std::cerr << who << ": no checkpoint in " << out.string() << ", starting anew" << std::endl;
    return {};
  }
  const luxtorch::Tree& was = found.checkpoint->values["recipe"];
  for (const auto& key : recipe.keys()) {
    if (!luxtorch::tree::equal(was[key], recipe[key])) {
      std::ostringstream what;
      what << "expected the options of " << found.checkpoint->path.string() << ", got another "
           << key << ": there " << was[key] << ", here " << recipe[key]
           << ". Give the same, or another --out.";
      throw luxtorch::ArgumentError(who, what.str());
    }
  }
  if (found.checkpoint->values["corpus"].scalar<std::string>() != corpus)
    throw luxtorch::ArgumentError(
        who, "expected the text of " + found.checkpoint->path.string() +
                 ", got another one. Give the same --corpus, or another --out.");
  return std::move(found.checkpoint);
}
