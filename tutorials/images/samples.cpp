#include "samples.h"

#include <luxtorch/luxtorch.h>

#include <algorithm>

namespace lux = luxtorch;
using lux::Rng, lux::Tensor, lux::Tree;

Samples figures(Rng rng, int64_t n, double noise) {
  auto draw = [&](std::string_view name, int64_t count) {
    auto made = lux::data::make_figures(rng.fold_in(name), count, {.size = 32, .noise = noise});
    return lux::tuple({made.images, made.labels});
  };
  return {draw("train", n), draw("test", 1000), {"disc", "square", "triangle", "cross", "ring"}};
}

namespace {

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& expected,
                         const std::string& got) {
  throw lux::ArgumentError("images",
                           "expected " + expected + " in " + path.string() + ", got " + got + ".");
}

std::string shape_of(const Tensor& x) {
  std::ostringstream text;
  text << "the shape " << lux::Shape(x.sizes());
  return text.str();
}

}  // namespace

Samples samples_of_file(const std::filesystem::path& path, int64_t n) {
  const Tree file = lux::io::load(path);
  auto array = [&](const std::string& name) {
    if (!file.is_named() || !file.contains(name) || !file[name].is_tensor())
      refuse(path, "an array " + name, "none");
    return file[name].tensor();
  };
  auto samples = [&](const std::string& part, int64_t most) {
    auto x = array("x_" + part), y = array("y_" + part);
    if (x.dim() == 3) x = x.unsqueeze(1);
    if (x.dim() != 4) refuse(path, "x_" + part + " of 3 or 4 dimensions", shape_of(x));
    if (y.dim() != 1 || y.size(0) != x.size(0) || y.size(0) == 0 || y.is_floating_point())
      refuse(path, "a label for each image, integers, in y_" + part, shape_of(y));
    most = std::min(most, x.size(0));
    x = x.narrow(0, 0, most), y = y.narrow(0, 0, most);
    const double scale = x.is_floating_point() ? 1 : 255;
    x = x.to(lux::kFloat32) / scale;
    if (x.size(2) != 32 || x.size(3) != 32)
      x = lux::ops::upsample(x, lux::UpsampleMode::Bilinear, {.size = {32, 32}});
    return lux::tuple({x.contiguous(), y.to(lux::kInt64)});
  };
  Samples all{samples("train", n), samples("test", 10000), {}};
  const auto classes = all.train[1].tensor().max().item<int64_t>() + 1;
  for (int64_t k = 0; k < classes; ++k) all.classes.push_back(std::to_string(k));
  return all;
}
