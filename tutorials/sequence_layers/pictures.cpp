#include "pictures.h"

#include <fmt/format.h>

#include <fstream>

#include "gnuplot.h"

namespace fs = std::filesystem;

namespace {

constexpr const char* kColours[] = {"#4063d8", "#cb3c33"};

std::ofstream open(const fs::path& path) { return open_numbers("sequence_layers", path); }

void write_accuracy(const fs::path& path, const std::vector<Curve>& curves) {
  auto file = open(path);
  file << "epoch";
  for (const auto& c : curves) file << "," << c.name << " loss," << c.name << " accuracy";
  file << "\n";
  for (size_t e = 0; e < curves[0].history.size(); ++e) {
    file << e + 1;
    for (const auto& c : curves) file << "," << c.history[e].loss << "," << c.history[e].accuracy;
    file << "\n";
  }
}

// A line per word; two blank lines between sequences make them blocks for gnuplot. With lengths nothing is read behind the end.
void write_readings(const fs::path& path, const std::vector<Reading>& readings) {
  auto file = open(path);
  file << "sequence,place,with lengths,without\n";
  for (size_t s = 0; s < readings.size(); ++s) {
    const auto& r = readings[s];
    for (size_t t = 0; t < r.without.size(); ++t) {
      file << s + 1 << "," << t + 1 << ","
           << (static_cast<int64_t>(t) < r.length ? fmt::format("{}", r.with_lengths[t]) : "")
           << "," << r.without[t] << "\n";
    }
    file << "\n\n";
  }
}

std::string script(const fs::path& folder, const std::vector<Curve>& curves,
                   const std::vector<Reading>& readings) {
  auto accuracy = "'" + (folder / "accuracy.csv").string() + "'";
  auto words = "'" + (folder / "readings.csv").string() + "'";
  auto text = fmt::format(
      "set terminal pngcairo size {},380 font 'sans,11' noenhanced\nset output '{}'\n"
      "set datafile separator ','\nset multiplot layout 1,{}\nset grid lc rgb '#dddddd'\n"
      "set xlabel 'epoch'\nset xtics 1\nset yrange [0.4:1.02]\nset title 'held-out accuracy'\n"
      "set key bottom right\nplot ",
      400 * (1 + readings.size()), (folder / "sequence_layers.png").string(), 1 + readings.size());
  for (size_t i = 0; i < curves.size(); ++i) {
    text += fmt::format("{}{} using 1:{} with linespoints lw 2 pt 7 lc rgb '{}' title '{}'",
                        i ? ", " : "", accuracy, 3 + 2 * i, kColours[i], curves[i].name);
  }
  text +=
      "\nset xlabel 'words read'\nset xtics auto\nset yrange [-0.05:1.15]\nset key center right\n";
  for (size_t s = 0; s < readings.size(); ++s) {
    const auto& r = readings[s];
    text += fmt::format(
        "set title 'probability that A came first'\nunset label\nunset object\n"
        "set label 'A' at {},1.08 center\nset label 'B' at {},1.08 center\n"
        "set arrow 1 from {},0 to {},1.02 nohead lc rgb '#999999' dt 2\n"
        "set arrow 2 from {},0 to {},1.02 nohead lc rgb '#999999' dt 2\n",
        r.place_of_a, r.place_of_b, r.place_of_a, r.place_of_a, r.place_of_b, r.place_of_b);
    if (auto all = static_cast<int64_t>(r.without.size()); r.length < all) {
      text += fmt::format(
          "set object 1 rectangle from {},graph 0 to {},graph 1 fc rgb '#eeeeee' fs solid noborder "
          "behind\n"
          "set label 'padding' at {},1.08 center tc rgb '#888888'\n",
          r.length + 0.5, all, (r.length + all) / 2);
    }
    auto block = fmt::format("{} skip 1 index {} using 2", words, s);
    text += fmt::format(
        "plot {}:4 with linespoints lw 1 pt 7 ps 0.5 lc rgb '{}' title 'without', "
        "{}:3 with linespoints lw 2 pt 7 ps 0.7 lc rgb '{}' title 'with lengths'\n",
        block, kColours[1], block, kColours[0]);
  }
  return text + "unset multiplot\n";
}

}  // namespace

void prepare_pictures(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  open(folder / "accuracy.csv");
}

std::string draw_pictures(const fs::path& folder, const std::vector<Curve>& curves,
                          const std::vector<Reading>& readings) {
  write_accuracy(folder / "accuracy.csv", curves);
  write_readings(folder / "readings.csv", readings);
  auto numbers = "Numbers: " + (folder / "accuracy.csv").string() + ", " +
                 (folder / "readings.csv").string() + ".";
  if (!gnuplot(script(folder, curves, readings))) {
    return numbers +
           " For a picture install gnuplot (apt-get install gnuplot-nox) and run this again.";
  }
  return numbers + " Picture: " + (folder / "sequence_layers.png").string() + ".";
}
