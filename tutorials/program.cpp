#include "program.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <luxtorch/core/error.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "gnuplot.h"

int Page::run(CLI::App& app, int argc, char** argv, const std::function<void()>& page) {
  app.get_formatter()->column_width(34);
  app.add_option("--seed", seed, "Where every draw starts from")->capture_default_str();
  app.add_option("--plots", plots,
                 "A folder for a picture (drawn by gnuplot) and its numbers (CSV)");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  at::set_num_threads(1);
  try {
    if (!plots.empty()) {
      std::error_code error;  // the file says what is wrong
      std::filesystem::create_directories(plots, error);
      open_numbers(name.c_str(), plots / (name + ".csv"));
    }
    page();
    return 0;
  } catch (const luxtorch::Error& e) {
    std::fflush(stdout);
    std::cerr << name << ": " << e.what() << std::endl;
    return 1;
  }
}

void Page::write_numbers(const std::string& file, const std::string& header,
                         const luxtorch::Tensor& table, int64_t block) const {
  auto out = open_numbers(name.c_str(), plots / file);
  out << header << "\n";
  auto values = table.to(luxtorch::kFloat64).contiguous();
  const double* value = values.const_data_ptr<double>();
  for (int64_t row = 0; row < values.size(0); ++row) {
    if (block > 0 && row > 0 && row % block == 0) out << "\n";
    for (int64_t column = 0; column < values.size(1); ++column)
      out << (column > 0 ? "," : "") << *value++;
    out << "\n";
  }
}

void Page::draw_picture(int width, int height, const std::string& script) const {
  auto picture = name + ".png";
  auto start = fmt::format(
      "set terminal pngcairo size {},{} font 'sans,11' noenhanced\ncd '{}'\nset output '{}'\n"
      "set datafile separator ','\n",
      width, height, plots.string(), picture);
  if (gnuplot(start + script)) {
    fmt::print("\nPicture: {}, beside its numbers.\n", (plots / picture).string());
  } else {
    fmt::print(
        "\nNumbers: in {}. For a picture install gnuplot (apt-get install gnuplot-nox) and run "
        "this again.\n",
        plots.string());
  }
}
