// A picture of the two trainings: accuracy over the epochs, and what each thinks after every word of a few sequences. Drawn by
// gnuplot through a pipe; the numbers are written as CSV beside it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

struct Epoch {
  double loss, accuracy;
};
using History = std::vector<Epoch>;

struct Curve {
  std::string name;
  History history;
};

/// A sequence with what the two trainings think after each of its words: the probability that A came first.
struct Reading {
  int64_t length, place_of_a, place_of_b;  // places from 1
  std::vector<double> with_lengths, without;
};

/// Makes the folder and writes to it, before the training rather than after it. An ArgumentError says what is wrong.
void prepare_pictures(const std::filesystem::path& folder);

/// Writes accuracy.csv, readings.csv and, where gnuplot is, sequence_layers.png. Returns a sentence that says what is where.
std::string draw_pictures(const std::filesystem::path& folder, const std::vector<Curve>& curves,
                          const std::vector<Reading>& readings);
