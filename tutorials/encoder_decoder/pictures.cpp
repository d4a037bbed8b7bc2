#include "pictures.h"

#include <fmt/format.h>
#include <luxtorch/core/ops.h>

#include <algorithm>
#include <fstream>

#include "gnuplot.h"

namespace fs = std::filesystem;
using luxtorch::Tensor;

namespace {

constexpr int64_t kSeries = 5;

std::ofstream open(const fs::path& path) { return open_numbers("encoder_decoder", path); }

Tensor on_cpu(const Tensor& x) { return x.detach().cpu().to(luxtorch::kFloat64).contiguous(); }

// A line per value: time (1 is the first one ahead), the value, and each method's forecast of it, empty in the past. Two
// blank lines between series make them blocks for gnuplot.
void write_forecasts(const fs::path& path, const Tensor& past, const Tensor& truth,
                     const std::vector<NamedForecast>& forecasts) {
  auto file = open(path);
  file << "series,time,value";
  for (const auto& [name, values] : forecasts) file << "," << name;
  file << "\n";
  auto all = on_cpu(luxtorch::cat({past, truth}, 1));
  const int64_t seen = past.size(1), length = all.size(1);
  for (int64_t s = 0; s < std::min(kSeries, all.size(0)); ++s) {
    for (int64_t t = 0; t < length; ++t) {
      file << s << "," << t - seen + 1 << "," << all.const_data_ptr<double>()[s * length + t];
      for (const auto& [name, values] : forecasts) {
        file << ",";
        if (t >= seen) file << on_cpu(values[s]).const_data_ptr<double>()[t - seen];
      }
      file << "\n";
    }
    file << "\n\n";
  }
}

// A line per step ahead: each method's root mean square error. Returns them by method.
std::vector<std::vector<double>> write_errors(const fs::path& path, const Tensor& truth,
                                              const std::vector<NamedForecast>& forecasts) {
  auto file = open(path);
  file << "step";
  std::vector<std::vector<double>> errors;
  for (const auto& [name, values] : forecasts) {
    file << "," << name;
    auto e = on_cpu((values - truth).square().mean(0).sqrt());
    errors.emplace_back(e.const_data_ptr<double>(), e.const_data_ptr<double>() + e.numel());
  }
  file << "\n";
  for (size_t k = 0; k < errors[0].size(); ++k) {
    file << k + 1;
    for (const auto& e : errors) file << "," << e[k];
    file << "\n";
  }
  return errors;
}

// Five series, and in the last place the error of each step ahead, with the methods' names at their lines.
std::string script(const fs::path& folder, int64_t count,
                   const std::vector<NamedForecast>& forecasts,
                   const std::vector<std::vector<double>>& errors, double noise) {
  const char* colours[] = {"#999999", "#b5853b", "#389826", "#cb3c33"};
  auto csv = "'" + (folder / "forecasts.csv").string() + "'";
  auto errors_csv = "'" + (folder / "errors.csv").string() + "'";
  const size_t own = forecasts.size() - 1, rival = own - 1;
  auto text = fmt::format(
      "set terminal pngcairo size 1400,700 font 'sans,12' noenhanced\nset output '{}'\n"
      "set datafile separator ','\n"
      "set multiplot layout 2,3 margins 0.035,0.985,0.085,0.915 spacing 0.04,0.12\n"
      "set tics nomirror out scale 0.5 textcolor rgb '#555555'\nset border 3 lc rgb '#999999'\n"
      "set object 1 rectangle from 0.5,graph 0 to 20.5,graph 1 fc rgb '#f4f1ea' fs solid noborder "
      "behind\n"
      "set xrange [-40:20.5]\nset yrange [-3.2:3.2]\nset xtics -40,20,20\nset ytics -2,2,2\n"
      "set key at screen 0.5,0.985 center top maxrows 1 samplen 2 width 1\n",
      (folder / "forecasts.png").string());
  for (int64_t s = 0; s < count; ++s) {
    auto values = [&](size_t column) {
      return fmt::format("{} skip 1 index {} using 2:{}", csv, s, column);
    };
    // The first plot of nothing puts the series in front in the key.
    text += fmt::format(
        "{7}plot NaN with points pt 7 ps 0.65 lc rgb '#4063d8' title 'the series', "
        "{0} with lines lc rgb '#b9c6ef' lw 1.5 notitle, "
        "{1} with lines lc rgb '{2}' lw 2 title '{3}', {4} with lines lc rgb '{5}' lw 4 title "
        "'{6}', {0} with points pt 7 ps 0.65 lc rgb '#4063d8' notitle\nunset key\n",
        values(3), values(4 + rival), colours[rival], forecasts[rival].first, values(4 + own),
        colours[own], forecasts[own].first,
        s == 3 ? "set xlabel 'steps from now' offset 0,0.6 textcolor rgb '#555555'\n" : "");
  }
  auto label = [&](size_t i, double x, double y, const char* how) {
    text += fmt::format("set label {} '{}' at {},{} {} textcolor rgb '{}'\n", 1 + i,
                        forecasts[i].first, x, y, how, colours[i]);
  };
  const double below = std::max(0.03, noise - 0.05);
  label(0, 4.2, 0.84, "left");
  label(1, 20, std::ranges::min(errors[1]) - 0.06, "right");
  label(rival, 1.6, errors[rival].front() + 0.06, "left");
  label(own, 20, below, "right");
  text += fmt::format(
      "set label 9 'the noise in the series' at 1.6,{0} left textcolor rgb '#777777'\n"
      "unset object 1\nset xrange [1:20.5]\nset yrange [0:0.9]\nset xtics (1, 5, 10, 15, 20)\n"
      "set ytics 0,0.2,0.8\nset grid y lc rgb '#e8e8e8'\n"
      "set title 'RMSE of each step ahead, 1000 series' offset 0,-0.6\n"
      "plot {1} with lines dt 3 lw 2 lc rgb '#777777' notitle",
      below, noise);
  for (size_t i = 0; i < forecasts.size(); ++i) {
    text += fmt::format(", {} skip 1 using 1:{} with lines lw {} lc rgb '{}' notitle", errors_csv,
                        2 + i, i == own ? 4 : 2, colours[i]);
  }
  return text + "\nunset multiplot\n";
}

}  // namespace

void prepare_pictures(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  open(folder / "forecasts.csv");
}

std::string draw_pictures(const fs::path& folder, const Tensor& past, const Tensor& truth,
                          const std::vector<NamedForecast>& forecasts, double noise) {
  write_forecasts(folder / "forecasts.csv", past, truth, forecasts);
  auto errors = write_errors(folder / "errors.csv", truth, forecasts);
  auto numbers = "Numbers: " + (folder / "forecasts.csv").string() + ", " +
                 (folder / "errors.csv").string() + ".";
  if (!gnuplot(script(folder, std::min(kSeries, past.size(0)), forecasts, errors, noise)))
    return numbers +
           " For pictures install gnuplot (apt-get install gnuplot-nox) and run this again.";
  return numbers + " Picture: " + (folder / "forecasts.png").string() + ".";
}
