// The images that this tutorial learns from.
#pragma once

#include <luxtorch/core/types.h>
#include <luxtorch/rng.h>
#include <luxtorch/tree.h>

#include <filesystem>
#include <string>
#include <vector>

struct Samples {
  /// (x, y): images (n, channels, 32, 32) float32, labels (n) int64.
  luxtorch::Tree train, test;
  std::vector<std::string> classes;  // their names
};

/// n noisy figures to train on and 1000 others. No two runs of a seed differ.
Samples figures(luxtorch::Rng rng, int64_t n, double noise);

/// Images from an .npz file with the arrays x_train, y_train, x_test and y_test, as Keras' mnist.npz has them: (n, height,
/// width) or (n, channels, height, width), resized to 32 x 32, bytes divided by 255; labels (n) from 0. At most n of them are
/// for training. ArgumentError: other arrays.
Samples samples_of_file(const std::filesystem::path& path, int64_t n);
