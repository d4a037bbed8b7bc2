#include "pictures.h"

#include <fmt/format.h>
#include <luxtorch/core/ops.h>

#include <string>

using luxtorch::Tensor;

namespace {

constexpr size_t kColumns = 11;

std::vector<Tensor> some_of(const std::vector<Tensor>& way) {
  std::vector<Tensor> some;
  for (size_t k = 0; k < kColumns; ++k)
    some.push_back(way[(k * (way.size() - 1) + (kColumns - 1) / 2) / (kColumns - 1)]);
  return some;
}

/// A row of pictures for each figure, a column for each angle, a white pixel between them: (pixels, 3) with x, y, brightness.
Tensor strip(const std::vector<Tensor>& way) {
  std::vector<Tensor> columns;
  for (const Tensor& x : some_of(way)) {
    auto framed = luxtorch::ones({x.size(0), x.size(2) + 1, x.size(3) + 1});
    framed.narrow(1, 0, x.size(2)).narrow(2, 0, x.size(3)).copy_(x.squeeze(1).clamp(0, 1));
    columns.push_back(framed.flatten(0, 1));
  }
  auto all = luxtorch::cat(columns, 1);
  auto x = luxtorch::arange(all.size(1)).repeat({all.size(0)});
  auto y = luxtorch::arange(all.size(0)).repeat_interleave(all.size(1));
  return luxtorch::stack({x, y, all.flatten()}, 1);
}

}  // namespace

void draw_ways(const Page& page, const std::vector<Tensor>& moons,
               const std::vector<Tensor>& figures) {
  std::string header;
  for (size_t k = 0; k < kColumns; ++k) header += fmt::format("{0}x {1},y {1}", k ? "," : "", k);
  page.write_numbers("diffusion.csv", header, luxtorch::cat(some_of(moons), 1));

  const double width = 1100, labels = 24, side = width / kColumns;
  const double rows = figures.empty() ? 0 : static_cast<double>(figures[0].size(0));
  const double height = labels + side * (1 + rows);
  std::string script =
      "set multiplot\nunset key\nunset tics\nunset border\nunset colorbox\n"
      "set xrange [-3.2:3.2]\nset yrange [-3.2:3.2]\n";
  for (size_t k = 0; k < kColumns; ++k) {
    script += fmt::format(
        "set lmargin at screen {}\nset rmargin at screen {}\nset bmargin at screen {}\nset tmargin "
        "at "
        "screen {}\nset label 1 '{}' at screen {},{} center\n"
        "plot 'diffusion.csv' skip 1 using {}:{} with points pt 7 ps 0.12 lc rgb '#2b6cb0'\n",
        static_cast<double>(k) / kColumns, static_cast<double>(k + 1) / kColumns,
        side * rows / height, side * (rows + 1) / height,
        k == 0              ? "noise"
        : k == kColumns - 1 ? "data"
                            : fmt::format("{}°", 90 - 9 * k),
        (static_cast<double>(k) + 0.5) / kColumns, 1 - labels / 2 / height, 2 * k + 1, 2 * k + 2);
  }
  if (!figures.empty()) {
    auto pixels = strip(figures);
    page.write_numbers("figures.csv", "x,y,brightness", pixels);
    script += fmt::format(
        "unset label 1\nset lmargin at screen 0\nset rmargin at screen 1\nset bmargin at screen 0\n"
        "set tmargin at screen {}\nset palette gray\nset cbrange [0:1]\n"
        "set xrange [-0.5:{}]\nset yrange [{}:-0.5]\n"
        "plot 'figures.csv' skip 1 using 1:2:3 with image\n",
        side * rows / height, kColumns * (figures[0].size(3) + 1) - 0.5,
        rows * static_cast<double>(figures[0].size(2) + 1) - 0.5);
  }
  page.draw_picture(static_cast<int>(width), static_cast<int>(height),
                    "set encoding utf8\n" + script);
}
