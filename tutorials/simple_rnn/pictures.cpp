#include "pictures.h"

#include <luxtorch/core/ops.h>

#include <fstream>

#include "gnuplot.h"

namespace fs = std::filesystem;
using luxtorch::Tensor;

namespace {

constexpr int64_t kOfEachArm = 3;

std::ofstream open(const fs::path& path) { return open_numbers("simple_rnn", path); }

void write_curves(const fs::path& path, const std::vector<NamedHistory>& histories) {
  auto file = open(path);
  file << "epoch";
  for (const auto& [name, h] : histories)
    file << "," << name << " train loss," << name << " validation loss," << name << " accuracy";
  file << "\n";
  for (size_t e = 0; e < histories[0].second.train_loss.size(); ++e) {
    file << e + 1;
    for (const auto& [name, h] : histories)
      file << "," << h.train_loss[e] << "," << h.validation_loss[e] << "," << h.accuracy[e];
    file << "\n";
  }
}

// A line per point: which spiral, which point, where, and the probability of the second arm after it. A blank line between
// spirals makes them blocks for gnuplot.
void write_spirals(const fs::path& path, const Tensor& x,
                   const std::function<Tensor(const Tensor&)>& thinks) {
  auto file = open(path);
  file << "spiral,point,x,y,probability\n";
  std::vector<Tensor> probabilities;
  for (int64_t t = 1; t <= x.size(1); ++t) probabilities.push_back(thinks(x.narrow(1, 0, t)));
  auto p = luxtorch::stack(probabilities, 1).contiguous();
  auto xs = x.contiguous();
  const auto *point = xs.const_data_ptr<float>(), *probability = p.const_data_ptr<float>();
  for (int64_t s = 0; s < x.size(0); ++s) {
    for (int64_t t = 0; t < x.size(1); ++t, point += 2, ++probability) {
      file << s << "," << t + 1 << "," << point[0] << "," << point[1] << "," << *probability
           << "\n";
    }
    file << "\n\n";
  }
}

std::string curves_script(const fs::path& folder, const std::vector<NamedHistory>& histories) {
  auto csv = "'" + (folder / "curves.csv").string() + "'";
  std::string loss, accuracy;
  for (size_t i = 0; i < histories.size(); ++i) {
    // With one seed both models draw the same curve: dots for the second, so that the first is seen through them.
    auto style = i == 0 ? std::string("with lines lw 2") : std::string("with points pt 7 ps 0.7");
    auto column = [&](size_t k) { return "1:" + std::to_string(2 + 3 * i + k); };
    auto name = histories[i].first;
    auto sep = i == 0 ? "" : ", ";
    loss += sep + csv + " using " + column(0) + " " + style + " lc rgb '#4063d8' title '" + name +
            ", training', " + csv + " using " + column(1) + " " + style +
            " lc rgb '#cb3c33' title '" + name + ", validation'";
    accuracy +=
        sep + csv + " using " + column(2) + " " + style + " lc rgb '#389826' title '" + name + "'";
  }
  return "set terminal pngcairo size 1000,420 font 'sans,11' noenhanced\nset output '" +
         (folder / "curves.png").string() +
         "'\nset datafile separator ','\nset multiplot layout 1,2\nset grid lc rgb '#dddddd'\nset "
         "xlabel 'epoch'\n"
         "set logscale y\nset ylabel 'binary cross-entropy'\nset key top right\nplot " +
         loss +
         "\nunset logscale y\nset ylabel 'validation accuracy'\nset yrange [0:1.05]\nset key "
         "bottom right\nplot " +
         accuracy + "\nunset multiplot\n";
}

std::string spirals_script(const fs::path& folder, int64_t count) {
  auto csv = "'" + (folder / "spirals.csv").string() + "'";
  std::string script =
      "set terminal pngcairo size 1000,640 font 'sans,11' noenhanced\nset output '" +
      (folder / "spirals.png").string() +
      "'\nset datafile separator ','\nset multiplot layout 2,3 title 'After each point: the "
      "probability of the second arm'\n"
      "set size ratio -1\nset xrange [-7.5:7.5]\nset yrange [-7.5:7.5]\nunset key\nset cbrange "
      "[0:1]\n"
      "set palette defined (0 '#4063d8', 0.5 '#dddddd', 1 '#cb3c33')\n";
  for (int64_t s = 0; s < count; ++s) {
    auto block = csv + " skip 1 index " + std::to_string(s) + " using 3:4";
    script += "plot " + block + " with lines lc rgb '#cccccc', " + block +
              ":5 with points pt 7 ps 0.9 palette, " + csv + " skip 1 index " + std::to_string(s) +
              " every ::0::0 using 3:4 with points pt 6 ps 2 lc rgb 'black'\n";
  }
  return script + "unset multiplot\n";
}

}  // namespace

void prepare_pictures(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  open(folder / "curves.csv");
}

std::string draw_pictures(const fs::path& folder, const std::vector<NamedHistory>& histories,
                          const Tensor& x, const Tensor& y,
                          const std::function<Tensor(const Tensor&)>& thinks) {
  auto of_arm = [&](int arm) { return (y == arm).nonzero().squeeze(-1).narrow(0, 0, kOfEachArm); };
  auto some = x.index_select(0, luxtorch::cat({of_arm(0), of_arm(1)}));
  write_curves(folder / "curves.csv", histories);
  write_spirals(folder / "spirals.csv", some, thinks);
  auto numbers = "Numbers: " + (folder / "curves.csv").string() + ", " +
                 (folder / "spirals.csv").string() + ".";
  if (!gnuplot(curves_script(folder, histories)) ||
      !gnuplot(spirals_script(folder, some.size(0)))) {
    return numbers +
           " For pictures install gnuplot (apt-get install gnuplot-nox) and run this again.";
  }
  return numbers + " Pictures: " + (folder / "curves.png").string() + ", " +
         (folder / "spirals.png").string() + ".";
}
