#include "pictures.h"

#include <fmt/format.h>
#include <luxtorch/luxtorch.h>

#include <algorithm>

namespace lux = luxtorch;
using lux::Tensor;

namespace {

// Mistakes that are shown, and pixels from one to the next: 32, and room for a text above.
constexpr int64_t kRows = 3, kColumns = 5, kDown = 40, kAcross = 36;

int64_t count_at(const Tensor& confusion, int64_t row, int64_t column) {
  return static_cast<int64_t>(confusion[row][column].item<double>());
}

// The surest mistakes side by side, as rows (column, row from below, brightness), and what is written above each.
std::pair<Tensor, std::string> mistakes(const Tensor& x, const Tensor& y, const Tensor& logits,
                                        const std::vector<std::string>& classes) {
  auto [probability, answer] = lux::max(lux::softmax(logits), 1);
  auto sureness = lux::where(answer != y, probability, 0);
  const auto wrong = std::min<int64_t>((sureness > 0).sum().item<int64_t>(), kRows * kColumns);
  auto chosen = sureness.argsort(0, true);
  const int64_t height = kRows * kDown, width = kColumns * kAcross;
  auto sheet = lux::ones({height, width});
  std::string labels;
  for (int64_t k = 0; k < wrong; ++k) {
    const auto i = chosen[k].item<int64_t>();
    const int64_t row = k / kColumns * kDown, column = k % kColumns * kAcross;
    sheet.narrow(0, row + 8, 32).narrow(1, column + 2, 32).copy_(1 - x[i].mean(0).clamp(0, 1));
    labels += fmt::format("set label '{}, {}' at {},{} center front font 'sans,9'\n",
                          classes[answer[i].item<int64_t>()], classes[y[i].item<int64_t>()],
                          column + kAcross / 2, height - row - 4);
  }
  auto across = lux::arange(width).repeat({height}).to(lux::kFloat32);
  auto up = (height - 1 - lux::arange(height)).repeat_interleave(width).to(lux::kFloat32);
  return {lux::stack({across, up, sheet.flatten()}, 1), labels};
}

}  // namespace

std::string confusion_text(const Tensor& confusion, const std::vector<std::string>& classes) {
  const auto n = static_cast<int64_t>(classes.size());
  size_t width = 6;
  for (const auto& name : classes) width = std::max(width, name.size() + 2);
  auto text = fmt::format("{:<{}}", "", width);
  for (const auto& name : classes) text += fmt::format("{:>{}}", name, width);
  for (int64_t row = 0; row < n; ++row) {
    text += fmt::format("\n{:<{}}", "  " + classes[row], width);
    for (int64_t column = 0; column < n; ++column)
      text += fmt::format("{:>{}}", count_at(confusion, row, column), width);
  }
  return text;
}

void draw_confusion(const Page& page, const Tensor& confusion, const Tensor& x, const Tensor& y,
                    const Tensor& logits, const std::vector<std::string>& classes) {
  const auto n = static_cast<int64_t>(classes.size());
  auto label = lux::arange(n).repeat_interleave(n).to(lux::kFloat64);
  auto answer = lux::arange(n).repeat({n}).to(lux::kFloat64);
  page.write_numbers("images.csv", "label,answer,count",
                     lux::stack({label, answer, confusion.flatten()}, 1), n);
  auto [sheet, labels] = mistakes(x, y, logits, classes);
  page.write_numbers("mistakes.csv", "x,y,brightness", sheet, kColumns * kAcross);

  std::string tics;
  for (int64_t k = 0; k < n; ++k)
    tics += fmt::format("{}'{}' {}", k > 0 ? ", " : "", classes[k], k);
  page.draw_picture(
      1100, 470,
      fmt::format(
          "set multiplot layout 1,2\nunset colorbox\nset size square\n"
          "set palette defined (0 '#ffffff', 1 '#4063d8')\nset cbrange [0:1]\n"
          "set title 'Answers to {0} images held out'\nset xlabel 'answer'\nset ylabel 'label'\n"
          "set xtics ({1}) scale 0\nset ytics ({1}) scale 0\n"
          "set xrange [-0.5:{2}]\nset yrange [{2}:-0.5]\n"
          "plot 'images.csv' skip 1 using 2:1:($3/{3}) with image notitle, "
          "'' skip 1 using 2:1:(sprintf('%d',$3)) with labels notitle\n"
          "unset xtics\nunset ytics\nunset xlabel\nunset ylabel\nunset border\nset size noratio\n"
          "set palette gray\nset title 'The surest mistakes: answer, label'\n{4}"
          "set xrange [0:{5}]\nset yrange [0:{6}]\n"
          "plot 'mistakes.csv' skip 1 using 1:2:3 with image notitle\nunset multiplot\n",
          y.size(0), tics, n - 0.5, confusion.sum(1).max().item<double>(), labels,
          kColumns * kAcross, kRows * kDown));
}
