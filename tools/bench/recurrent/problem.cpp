#include "problem.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/one_hot.h>
#include <torch/version.h>

#include <array>
#include <fstream>
#include <stdexcept>

namespace bench {

Problem read_problem(const std::string& path) {
  constexpr int64_t mark = 0x7374657000000002;
  std::ifstream file(path, std::ios::binary);
  auto read = [&](void* to, size_t bytes) {
    file.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
    if (!file) throw std::runtime_error(path + " cannot be read, or is too short");
  };
  std::array<int64_t, 12> header;
  read(header.data(), sizeof header);
  if (header[0] != mark) throw std::runtime_error(path + " is not a problem of this measurement");

  Problem p{};
  p.cell = static_cast<Cell>(header[1]), p.loss = static_cast<Loss>(header[2]);
  p.layers = header[3], p.batch = header[4], p.time = header[5], p.inputs = header[6];
  p.hidden = header[7], p.outputs = header[8], p.gates = header[9];
  p.lr = static_cast<double>(header[10]) / 1e6;

  auto tensor = [&](at::IntArrayRef shape, at::ScalarType type = at::kFloat) {
    auto t = at::empty(shape, type);
    read(t.data_ptr(), t.nbytes());
    return t;
  };
  const bool symbols = p.loss == Loss::next;
  p.x = symbols ? tensor({p.batch, p.time}, at::kLong) : tensor({p.batch, p.time, p.inputs});
  p.y = symbols                  ? tensor({p.batch, p.time}, at::kLong)
        : p.loss == Loss::binary ? tensor({p.batch})
                                 : tensor({p.batch, p.hidden});
  const int64_t rows = p.gates * p.hidden;
  for (int64_t layer = 0; layer < p.layers; ++layer) {
    LayerParameters l;
    l.weight_ih = tensor({rows, layer ? p.hidden : p.inputs});
    l.weight_hh = tensor({rows, p.hidden});
    l.bias_ih = tensor({rows});
    l.bias_hh = tensor({rows});
    p.recurrent.push_back(l);
  }
  if (p.outputs > 0) {
    p.weight = tensor({p.outputs, p.hidden});
    p.bias = tensor({p.outputs});
  }
  return p;
}

at::Tensor dense_input(const Problem& p) {
  return p.loss == Loss::next ? at::one_hot(p.x, p.inputs).to(at::kFloat) : p.x;
}

std::string torch_version() { return TORCH_VERSION; }
int torch_threads() { return at::get_num_threads(); }

}  // namespace bench
