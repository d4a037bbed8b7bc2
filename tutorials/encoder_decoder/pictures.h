// Pictures of forecasts: some series with what was forecast and what came, and the error of each step ahead. Drawn by gnuplot
// through a pipe; the numbers are written as CSV beside it.
#pragma once

#include <luxtorch/core/types.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

/// A method and what it forecasts, (series, ahead).
using NamedForecast = std::pair<std::string, luxtorch::Tensor>;

/// Makes the folder and writes to it, before the training rather than after it. An ArgumentError says what is wrong.
void prepare_pictures(const std::filesystem::path& folder);

/// Writes forecasts.csv, errors.csv and, where gnuplot is, forecasts.png, which shows the first series and the last two of
/// the methods. past: (series, seen), truth: (series, ahead), noise: its standard deviation. Returns a sentence that says what is where.
std::string draw_pictures(const std::filesystem::path& folder, const luxtorch::Tensor& past,
                          const luxtorch::Tensor& truth,
                          const std::vector<NamedForecast>& forecasts, double noise);
