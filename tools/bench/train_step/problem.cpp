#include "problem.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <torch/version.h>

#include <array>
#include <fstream>
#include <stdexcept>

namespace bench {

Problem read_problem(const std::string& path) {
  constexpr int64_t mark = 0x7374657000000001;
  std::ifstream file(path, std::ios::binary);
  auto read = [&](void* to, size_t bytes) {
    file.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
    if (!file) throw std::runtime_error(path + " cannot be read, or is too short");
  };
  std::array<int64_t, 8> header;
  read(header.data(), sizeof header);
  if (header[0] != mark) throw std::runtime_error(path + " is not a problem of this measurement");

  Problem p{};
  p.cell = static_cast<Cell>(header[1]);
  p.batch = header[2], p.time = header[3], p.inputs = header[4], p.hidden = header[5];
  p.gates = header[6];
  auto tensor = [&](at::IntArrayRef shape) {
    auto t = at::empty(shape);
    read(t.data_ptr<float>(), t.nbytes());
    return t;
  };
  const int64_t rows = p.gates * p.hidden;
  p.x = tensor({p.batch, p.time, p.inputs});
  p.y = tensor({p.batch});
  p.weight_ih = tensor({rows, p.inputs});
  p.weight_hh = tensor({rows, p.hidden});
  p.bias_ih = tensor({rows});
  p.bias_hh = tensor({rows});
  p.weight = tensor({1, p.hidden});
  p.bias = tensor({1});
  return p;
}

std::string torch_version() { return TORCH_VERSION; }
int torch_threads() { return at::get_num_threads(); }

}  // namespace bench
