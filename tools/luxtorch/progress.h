// A line on a terminal's stderr while a large file is worked on, wiped at the end.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "luxtorch/io/io.h"
#include "luxtorch/train/progress.h"

/// "reading model.pt (1.2 GB)" for as long as it lives; nothing where stderr is no terminal or the file
/// is small.
class Reading {
 public:
  explicit Reading(const std::string& file);
  ~Reading();
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

 private:
  size_t drawn_ = 0;
};

/// io::load, with that line.
luxtorch::Tree load(const std::string& file, const luxtorch::io::LoadOptions& options = {});

/// A bar over the tensors of a large tree, under the same conditions.
luxtorch::ProgressBar tensors_bar(const luxtorch::Tree& tree);
