#include "pictures.h"

#include <fmt/format.h>
#include <luxtorch/luxtorch.h>

namespace lux = luxtorch;
using lux::Tensor;

void draw_plane(const Page& page, const Tensor& decoded, const Tensor& z, const Tensor& labels,
                const std::vector<std::string>& classes) {
  page.write_numbers("vae.csv", "z1,z2,label", lux::cat({z, labels.unsqueeze(1).to(z.dtype())}, 1));
  const int64_t height = decoded.size(0) * decoded.size(2),
                width = decoded.size(1) * decoded.size(3);
  auto sheet = decoded.permute({0, 2, 1, 3}).reshape({height, width});
  auto x = lux::arange(width).repeat({height}).to(lux::kFloat32);
  auto y = (height - 1 - lux::arange(height)).repeat_interleave(width).to(lux::kFloat32);
  page.write_numbers("plane.csv", "x,y,brightness", lux::stack({x, y, sheet.flatten()}, 1), width);

  const char* colours[] = {"#2b6cb0", "#d9822b", "#389826", "#b83280", "#6b46c1"};
  std::string points;
  for (size_t k = 0; k < classes.size(); ++k) {
    points += fmt::format(
        "{}'vae.csv' skip 1 using ($3=={} ? $1 : NaN):2 with points pt 7 ps 0.5 lc rgb '{}' title "
        "'{}'",
        k > 0 ? ", " : "", k, colours[k % 5], classes[k]);
  }
  page.draw_picture(
      860, 450,
      fmt::format("set multiplot layout 1,2\nset size square\nunset colorbox\nset palette gray\n"
                  "set title 'What the decoder makes of each place'\n"
                  "unset tics\nunset border\nset xrange [-0.5:{}]\nset yrange [-0.5:{}]\n"
                  "plot 'plane.csv' skip 1 using 1:2:(1-$3) with image notitle\n"
                  "set title 'Where the encoder puts figures held out'\n"
                  "set tics\nset border\nset xlabel 'z1'\nset ylabel 'z2'\n"
                  "set xrange [-4:4]\nset yrange [-4:4]\n"
                  "set key top right samplen 0.3\nplot {}\nunset multiplot\n",
                  static_cast<double>(width) - 0.5, static_cast<double>(height) - 0.5, points));
}
