// The frame of a tutorial of one page: its command line, its errors, its numbers and its picture.
#pragma once

#include <luxtorch/core/types.h>

#include <filesystem>
#include <functional>
#include <string>

namespace CLI {
class App;
}

struct Page {
  std::string name = {};
  uint64_t seed = 0;                 // --seed
  std::filesystem::path plots = {};  // --plots, a folder, or empty

  /// Reads the command line, with --seed and --plots added to the app's options, and runs `page` on one thread, since its
  /// steps are too small to share. Returns the program's status: 0; 2 for what the command line cannot say; 1 for an Error,
  /// which becomes a line, and for plots that cannot be written, before anything has run.
  int run(CLI::App& app, int argc, char** argv, const std::function<void()>& page);

  /// A CSV file in plots: the header, and a line for each row of table, (rows, columns); after each `block` of rows an empty
  /// one, as gnuplot wants it between the lines of a map.
  void write_numbers(const std::string& file, const std::string& header,
                     const luxtorch::Tensor& table, int64_t block = 0) const;

  /// Draws plots/NAME.png, and says in a line where it is or how to get it. The script reads the files of plots by their
  /// names and need not say where it draws to.
  void draw_picture(int width, int height, const std::string& script) const;
};
