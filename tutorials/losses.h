// The losses of a training as numbers (CSV) and, by gnuplot, as a picture.
#pragma once

#include <luxtorch/tree.h>

#include <filesystem>
#include <string>
#include <vector>

/// Nats per symbol: while training, the mean since the point before; on the text for choosing settings.
struct Losses {
  struct Point {
    int64_t step;
    double nats;
  };
  std::vector<Point> training, validation;
  double sum = 0;  // of the training's since its last point
  int64_t count = 0;

  void add(double nats) { sum += nats, ++count; }
  void end_point(int64_t step) {
    training.push_back({step, sum / static_cast<double>(count)});
    sum = 0, count = 0;
  }

  luxtorch::Tree to_tree() const;
  static Losses from_tree(const luxtorch::Tree& t);
};

/// "1.6094 nats, 2.3219 bits per character"
std::string per_symbol(double nats);

/// Writes losses.csv and, where gnuplot is, losses.png. Returns a sentence that says what is where.
/// ArgumentError, in the name of the program: a folder that cannot be written to.
std::string draw(const std::string& program, const std::filesystem::path& folder,
                 const std::string& title, const Losses& losses);
