// The umbrella beside torch's own: every name through the alias, and torch's operators where both are seen.
#include <luxtorch/luxtorch.h>
#include <torch/torch.h>

namespace lux = luxtorch;

lux::Tensor every_activation(const torch::Tensor& x) {
  return lux::identity(x) + lux::sigmoid(x) + lux::tanh(x) + lux::relu(x) + lux::relu6(x) +
         lux::leakyrelu(x) + lux::elu(x) + lux::celu(x) + lux::selu(x) + lux::gelu(x) +
         lux::gelu_tanh(x) + lux::swish(x) + lux::mish(x) + lux::softplus(x) + lux::softsign(x) +
         lux::softshrink(x) + lux::tanhshrink(x) + lux::logsigmoid(x) + lux::hardsigmoid(x) +
         lux::hardswish(x) + lux::hardtanh(x) + lux::logcosh(x) + lux::softmax(x) +
         lux::logsoftmax(x);
}

torch::Tensor every_operator(const torch::Tensor& x) {
  auto y = 1 - x * 2 + x / 3 - 4 / x + 5 * x - x;
  return ((y < x) & (x > 1)) | (2 <= x) | (x == y) | (x != 0) | (3 >= y);
}

lux::Tree names_that_others_have_too(const torch::Tensor& x) {
  return lux::tuple({lux::zeros({2}), lux::ones({2}), lux::full({2}, 1), lux::cat({x, x}),
                     lux::stack({x, x}), lux::where(x > 0, x, x), lux::arange(3),
                     lux::tensor({1, 2}),
                     lux::named({{"rand", lux::init::rand(lux::Rng(1), {2})}})});
}

struct Scale {
  lux::Tree initial_parameters(lux::Rng rng) const {
    return lux::named({{"weight", lux::init::ones(rng, {2})}});
  }
  lux::Out<torch::Tensor> operator()(const torch::Tensor& x, const lux::Tree& ps,
                                     const lux::Tree& st) const {
    return {1 - x * ps["weight"].tensor(), st};
  }
};

lux::Tensor run(const torch::Tensor& x) {
  lux::Chain model(
      lux::Dense(2, 2, lux::relu), Scale{}, [](const torch::Tensor& y) { return y * 2 - 1; },
      [](const auto& y) { return 1 - y; });
  auto [ps, st] = lux::setup(lux::Rng(0), model);
  return lux::apply<torch::Tensor>(model, x, ps, st).first;
}
