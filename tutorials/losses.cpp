#include "losses.h"

#include <luxtorch/core/error.h>

#include <cstdio>
#include <fstream>
#include <numbers>

#include "gnuplot.h"

using luxtorch::Tree;

namespace {

Tree points(const std::vector<Losses::Point>& all) {
  std::vector<Tree> list;
  for (const auto& p : all) list.push_back(luxtorch::tuple({p.step, p.nats}));
  return luxtorch::tuple(list);
}
std::vector<Losses::Point> points(const Tree& t) {
  std::vector<Losses::Point> all;
  for (size_t i = 0; i < t.size(); ++i)
    all.push_back({t[i][0].scalar<int64_t>(), t[i][1].scalar<double>()});
  return all;
}

}  // namespace

Tree Losses::to_tree() const {
  return luxtorch::named({{"training", points(training)},
                          {"validation", points(validation)},
                          {"sum", sum},
                          {"count", count}});
}
Losses Losses::from_tree(const Tree& t) {
  return {points(t["training"]), points(t["validation"]), t["sum"].scalar<double>(),
          t["count"].scalar<int64_t>()};
}

std::string per_symbol(double nats) {
  char text[80];
  std::snprintf(text, sizeof text, "%.4f nats, %.4f bits per character", nats,
                nats / std::numbers::ln2);
  return text;
}

std::string draw(const std::string& who, const std::filesystem::path& folder,
                 const std::string& title, const Losses& losses) {
  const auto csv = (folder / "losses.csv").string(), png = (folder / "losses.png").string();
  std::ofstream file(csv);
  file << "step,training\n";
  for (const auto& p : losses.training) file << p.step << "," << p.nats << "\n";
  file << "\n\nstep,validation\n";
  for (const auto& p : losses.validation) file << p.step << "," << p.nats << "\n";
  file.close();
  if (!file)
    throw luxtorch::ArgumentError(
        who, "expected a file to write losses to, got " + csv + ", which cannot be written.");
  const std::string script =
      "set terminal pngcairo size 900,460 font 'sans,11' noenhanced\nset output '" + png +
      "'\nset datafile separator ','\nset grid xtics ytics lt 1 lc rgb '#dddddd'\nset title '" +
      title +
      "'\nset xrange [0:*]\nset xlabel 'step'\nset ylabel 'nats per symbol'\nset y2label 'bits per "
      "symbol'\n"
      "set ytics nomirror\nset y2tics 0.5\nset format y2 '%.1f'\nset link y2 via y/log(2) inverse "
      "y*log(2)\n"
      "plot '" +
      csv +
      "' index 0 skip 1 using 1:2 with lines lw 1.5 lc rgb '#4063d8' title "
      "'training', '" +
      csv +
      "' index 1 skip 1 using 1:2 with linespoints lw 2 pt 7 lc rgb "
      "'#cb3c33' title 'validation'\n";
  bool drawn = std::system("command -v gnuplot > /dev/null 2>&1") == 0;
  if (FILE* pipe = drawn ? popen("gnuplot > /dev/null 2>&1", "w") : nullptr) {
    std::fputs(script.c_str(), pipe);
    drawn = pclose(pipe) == 0;
  }
  return "The losses: " + csv +
         (drawn ? ", drawn in " + png + "."
                : ". For a picture install gnuplot (apt-get install "
                  "gnuplot-nox).");
}
