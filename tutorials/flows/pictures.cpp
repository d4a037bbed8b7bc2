#include "pictures.h"

#include <luxtorch/core/ops.h>

#include <algorithm>

using luxtorch::Tensor;

Tensor Grid::centres() const {
  auto along = [&](double start, int64_t count) {
    return start + side * (luxtorch::arange(count, {.dtype = luxtorch::kFloat32}) + 0.5);
  };
  return luxtorch::stack(
      {along(left, columns).repeat({rows}), along(bottom, rows).repeat_interleave(columns)}, 1);
}

void draw_flow(const Page& page, const Tensor& noise, const Tensor& samples, const Tensor& data,
               const Grid& grid, const Tensor& density) {
  page.write_numbers("flows.csv", "x,y,density",
                     luxtorch::cat({grid.centres(), density.unsqueeze(1)}, 1), grid.columns);
  const int64_t shown = std::min(noise.size(0), data.size(0));
  auto some = luxtorch::arange(shown) * data.size(0) / shown;  // the moons come one after the other
  page.write_numbers("points.csv", "noise x,noise y,sample x,sample y,data x,data y",
                     luxtorch::cat({noise.narrow(0, 0, shown), samples.narrow(0, 0, shown),
                                    data.index_select(0, some.to(luxtorch::kInt64))},
                                   1));
  page.draw_picture(
      1320, 300,
      "set multiplot layout 1,4 margins 0.005,0.995,0.02,0.9 spacing 0.01\n"
      "unset key\nunset tics\nunset colorbox\nset size ratio -1\n"
      "set palette defined (0 '#2b6cb0', 0.5 '#b83280', 1 '#d9822b')\nset cbrange [-2:2]\n"
      "set title 'noise'\nset xrange [-4:4]\nset yrange [-3.3:3.3]\n"
      "plot 'points.csv' skip 1 using 1:2:1 with points pt 7 ps 0.35 palette\n"
      "set title 'what the flow makes of it'\nset xrange [-1.7:2.7]\nset yrange [-1.55:2.05]\n"
      "plot 'points.csv' skip 1 using 3:4:1 with points pt 7 ps 0.35 palette\n"
      "set title 'the data'\n"
      "plot 'points.csv' skip 1 using 5:6 with points pt 7 ps 0.35 lc rgb '#555555'\n"
      "set title 'the density'\nset autoscale cb\n"
      "set palette defined (0 '#ffffff', 0.2 '#bcd4ec', 0.6 '#2b6cb0', 1 '#1a365d')\n"
      "plot 'flows.csv' skip 1 using 1:2:3 with image\n");
}
