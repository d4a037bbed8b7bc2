// Pictures of a training: curves over the epochs, and spirals with what the network thinks at each prefix. Drawn by gnuplot
// through a pipe; the numbers are written as CSV beside them.
#pragma once

#include <luxtorch/core/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

/// One value per epoch.
struct History {
  std::vector<double> train_loss, validation_loss, accuracy;
  void add(double train, double validation, double right) {
    train_loss.push_back(train), validation_loss.push_back(validation), accuracy.push_back(right);
  }
};
using NamedHistory = std::pair<std::string, History>;

/// Makes the folder and writes to it, before the training rather than after it. An ArgumentError says what is wrong.
void prepare_pictures(const std::filesystem::path& folder);

/// Writes curves.csv, spirals.csv and, where gnuplot is, curves.png and spirals.png. x: spirals (n, time, 2) on the CPU, y:
/// their arms (n), of which a few of each are drawn; thinks: from prefixes (n, t, 2) to probabilities (n). Returns a
/// sentence that says what is where.
std::string draw_pictures(const std::filesystem::path& folder,
                          const std::vector<NamedHistory>& histories, const luxtorch::Tensor& x,
                          const luxtorch::Tensor& y,
                          const std::function<luxtorch::Tensor(const luxtorch::Tensor&)>& thinks);
