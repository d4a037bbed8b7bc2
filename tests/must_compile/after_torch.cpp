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

struct Slope {
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
      lux::Dense(2, 2, lux::relu), Slope{}, [](const torch::Tensor& y) { return y * 2 - 1; },
      [](const auto& y) { return 1 - y; });
  auto [ps, st] = lux::setup(lux::Rng(0), model);
  return lux::apply<torch::Tensor>(model, x, ps, st).first;
}

// Torch's own functions win where both are seen: no call is ambiguous.
namespace user {
using namespace luxtorch;

Tensor functions(const torch::Tensor& x) {
  auto [values, indices] = max(x, 1);
  return exp(x) + log(x) + sqrt(x) + abs(x) + pow(x, 2) + pow(x, x) + sum(x) + sum(x, 1) + mean(x) +
         mean(x, {0, 1}) + matmul(x, x) + argmax(x, 1) + max(x) + values + lux::std(x) + norm(x) +
         where(x > 0, x, 0) + clamp(x, 0, 1) + reshape(x, {4}) + zeros_like(x) + randn({2, 2}) +
         isnan(x) + cumsum(x, 0) + squeeze(x) + maximum(x, x) + softmax(x) +
         lux::where(x > 0, x, x) + where(x > 0, x, x) + softmax(x, 0) + log_softmax(x, 0);
}
torch::Tensor logic(const torch::Tensor& x) {
  std::cout << x << x.sum().item();
  return (!(x > 0) && x < 1) || ((x > 2) ^ (x < 3));
}
}  // namespace user
