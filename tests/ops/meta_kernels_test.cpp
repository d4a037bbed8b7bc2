#include "ops/meta_kernels.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "luxtorch/core/ops.h"
#include "luxtorch/ops/activation.h"

namespace luxtorch::ops {
namespace {

struct Operator {
  std::string name;
  std::function<std::vector<Tensor>(const std::vector<Tensor>&)> f;
  std::vector<Tensor> inputs;
};

// Those of the table, with what else leads to them: sizes of 1 and 0, negative dimensions, other dtypes.
std::vector<Operator> operators() {
  using In = const std::vector<Tensor>&;
  const auto x = ones({4, 5, 3}), image = ones({4, 6, 8, 9}), mask = ones({5, 1}, {.dtype = kBool});
  const auto index = ones({2}, {.dtype = kInt64});
  const auto channels = ones({6});
  return {
      {"activations",
       [](In in) {
         std::vector<Tensor> ys;
         for (const Activation& f : std::initializer_list<Activation>{
                  identity,    sigmoid,   tanh,     relu,       relu6,      leakyrelu,
                  elu,         celu,      selu,     gelu,       gelu_tanh,  swish,
                  mish,        softplus,  softsign, softshrink, tanhshrink, logsigmoid,
                  hardsigmoid, hardswish, hardtanh, logcosh})
           ys.push_back(f(in[0]));
         ys.push_back(softmax(in[0])), ys.push_back(logsoftmax(in[0], 1));
         return ys;
       },
       {x}},
      {"logic",
       [](In in) {
         return std::vector{in[0].isnan(), in[1].logical_not(), in[1].logical_and(in[0]),
                            in[1].logical_or(in[0]), in[1].logical_xor(in[0])};
       },
       {x, mask}},
      {"arithmetic",
       [](In in) {
         return std::vector{1 - in[0],
                            at::rsub(in[1], in[0]),
                            in[1].floor_divide(in[0]),
                            in[0].prod(),
                            in[1].prod(),
                            in[1].prod(kFloat64),
                            in[0].flatten().dot(in[0].flatten())};
       },
       {x, index.narrow(0, 0, 1)}},
      {"pixels",
       [](In in) {
         return std::vector{at::pixel_shuffle(in[0], 2), at::pixel_unshuffle(in[0], 2)};
       },
       {ones({3, 8, 4, 6})}},
      {"abs", [](In in) { return std::vector{in[0].abs()}; }, {x}},
      {"logsumexp", [](In in) { return std::vector{in[0].logsumexp(-1)}; }, {x}},
      {"hardtanh", [](In in) { return std::vector{at::hardtanh(in[0]), at::relu6(in[0])}; }, {x}},
      {"hardswish", [](In in) { return std::vector{at::hardswish(in[0])}; }, {x}},
      {"log_sigmoid", [](In in) { return std::vector{at::log_sigmoid(in[0])}; }, {x}},
      {"flip", [](In in) { return std::vector{in[0].flip(1), in[0].flip({0, -1})}; }, {x}},
      {"roll", [](In in) { return std::vector{in[0].roll(2), in[0].roll(1, -1)}; }, {x}},
      {"where",
       [](In in) { return std::vector{at::where(in[0], in[1], in[2])}; },
       {mask, x, ones({3}, {.dtype = kFloat64})}},
      {"where of a number",
       [](In in) { return std::vector{at::where(in[0], in[1], 0.5)}; },
       {mask, index.reshape({1, 2}).narrow(1, 0, 1)}},
      {"index_select",
       [](In in) {
         return std::vector{in[0].index_select(0, in[1]), in[0].index_select(-1, in[1]),
                            in[0].index_select(1, in[1].narrow(0, 0, 0))};
       },
       {x, index}},
      {"embedding",
       [](In in) { return std::vector{at::embedding(in[0], in[1])}; },
       {ones({9, 2}), ones({4, 3}, {.dtype = kInt64})}},
      {"max and min", [](In in) { return std::vector{in[0].max(), in[0].min()}; }, {x}},
      {"var",
       [](In in) {
         return std::vector{in[0].var(),
                            in[0].var(-1),
                            in[0].var({0, 2}, true, true),
                            in[0].std(1),
                            std::get<1>(at::var_mean(in[0], {1})),
                            std::get<0>(at::std_mean(in[0], {0, 1}))};
       },
       {x}},
      {"batch_norm",
       [](In in) {
         return std::vector{
             at::batch_norm(in[0], in[1], in[1], in[1], in[1], false, 0.1, 1e-5, false),
             at::batch_norm(in[0], {}, {}, {}, {}, true, 0.1, 1e-5, false)};
       },
       {image, channels}},
      {"layer_norm", [](In in) { return std::vector{at::layer_norm(in[0], {5, 3})}; }, {x}},
      {"group_norm",
       [](In in) { return std::vector{at::group_norm(in[0], 2, in[1], in[1])}; },
       {image, channels}},
      {"instance_norm",
       [](In in) {
         return std::vector{at::instance_norm(in[0], in[1], in[1], {}, {}, true, 0.1, 1e-5, false)};
       },
       {image, channels}},
      {"conv2d",
       [](In in) {
         return std::vector{at::conv2d(in[0], in[1], in[2], {2, 1}, {1, 0}, {1, 3}, 2)};
       },
       {image, ones({4, 3, 3, 2}), ones({4})}},
      {"conv1d and conv3d",
       [](In in) { return std::vector{at::conv1d(in[0], in[1]), at::conv3d(in[2], in[3])}; },
       {x, ones({7, 5, 2}), ones({2, 3, 4, 5, 6}), ones({2, 3, 2, 3, 1})}},
      {"conv_transpose2d",
       [](In in) {
         return std::vector{
             at::conv_transpose2d(in[0], in[1], {}, {2, 3}, {1, 2}, {1, 0}, 2, {1, 2})};
       },
       {image, ones({6, 2, 3, 2})}},
      {"adaptive_avg_pool",
       [](In in) {
         return std::vector{at::adaptive_avg_pool1d(in[0], 2),
                            at::adaptive_avg_pool2d(in[1], {2, 3}),
                            at::adaptive_avg_pool3d(in[1], {3, 2, 1})};
       },
       {x, image}},
      {"max_pool3d",
       [](In in) {
         return std::vector{
             at::max_pool3d(in[0], 2),
             at::max_pool3d(in[0][0], {2, 3, 2}, {1, 2, 3}, {1, 1, 0}, {1, 2, 1}, true),
             std::get<1>(at::max_pool3d_with_indices(in[0], {2, 1, 2}))};
       },
       {ones({2, 3, 4, 7, 6})}},
      {"reflection_pad2d",
       [](In in) {
         return std::vector{at::reflection_pad2d(in[0], {1, 2, 0, 3}),
                            at::reflection_pad2d(in[0][0], {1, 2, 0, 3})};
       },
       {image}},
      {"scaled_dot_product_attention",
       [](In in) {
         return std::vector{at::scaled_dot_product_attention(in[0], in[0], in[0], in[1])};
       },
       {ones({2, 4, 5, 8}), ones({5, 5}, {.dtype = kBool})}},
  };
}

TEST(MetaKernels, GiveTheShapesAndDtypesThatNumbersGive) {
  register_meta_kernels();
  register_meta_kernels();
  for (const auto& [name, f, inputs] : operators()) {
    std::vector<Tensor> meta;
    for (const auto& x : inputs) meta.push_back(x.to(Device(c10::DeviceType::Meta)));
    const auto expected = f(inputs);
    std::vector<Tensor> got;
    try {
      got = f(meta);
    } catch (const c10::Error& error) {
      ADD_FAILURE() << name << ": " << error.what_without_backtrace();
      continue;
    }
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_TRUE(got[i].is_meta()) << name << " " << i;
      EXPECT_EQ(got[i].sizes(), expected[i].sizes()) << name << " " << i;
      EXPECT_EQ(got[i].scalar_type(), expected[i].scalar_type()) << name << " " << i;
    }
  }
}

TEST(MetaKernels, LeaveToTorchWhatConvolutionsRefuse) {
  register_meta_kernels();
  auto meta = [](ShapeView s) { return ones(s, {.device = Device(c10::DeviceType::Meta)}); };
  EXPECT_THROW(at::conv2d(meta({1, 3, 8, 8}), meta({4, 2, 3, 3})), c10::Error);
  EXPECT_THROW(at::conv2d(meta({1, 3, 2, 2}), meta({4, 3, 3, 3})), c10::Error);
}

}  // namespace
}  // namespace luxtorch::ops
