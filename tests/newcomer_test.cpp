// What somebody types first who knows PyTorch: each line compiles with the umbrella header alone and does the obvious.
#include <gtest/gtest.h>
#include <luxtorch/luxtorch.h>

#include <cmath>
#include <sstream>
#include <vector>

#include "support/compare.h"

namespace lux = luxtorch;

namespace {

using V = std::vector<double>;

V numbers(const lux::Tensor& x) { return lux::to_vector<double>(x); }

TEST(Newcomer, PrintsTensorsAndNumbers) {
  auto x = lux::tensor({1.5, 2.0});
  std::ostringstream out;
  out << x << "\n" << x.sum().item() << " " << x.sum().item<double>() << " " << x.sizes();
  EXPECT_EQ(out.str(), " 1.5000\n 2.0000\n[ CPUFloatType{2} ]\n3.5 3.5 [2]");
}

TEST(Newcomer, MakesTensorsOfNumbers) {
  auto x = lux::tensor({{1., 2.}, {3., 4.}});
  EXPECT_EQ(x.sizes(), at::IntArrayRef({2, 2}));
  EXPECT_EQ(x.scalar_type(), lux::kFloat32);
  EXPECT_EQ(numbers(x), (V{1, 2, 3, 4}));
  EXPECT_EQ(numbers(lux::tensor({{1, 2.5}, {3, 4}})), (V{1, 2.5, 3, 4}));
  EXPECT_EQ(lux::tensor({{1, 2}, {3, 4}}).scalar_type(), lux::kInt64);
  EXPECT_EQ(numbers(lux::tensor({{1, 2}, {3, 4}})), (V{1, 2, 3, 4}));
  EXPECT_EQ(lux::tensor({{true, false}}).scalar_type(), lux::kBool);
  EXPECT_EQ(numbers(lux::tensor({{true, false}})), (V{1, 0}));
  EXPECT_EQ(lux::tensor({{1, 2}}, {.dtype = lux::kFloat64}).scalar_type(), lux::kFloat64);
  EXPECT_EQ(lux::tensor({}).numel(), 0);
  EXPECT_THROW(lux::tensor({{1., 2.}, {3.}}), lux::ShapeError);

  EXPECT_EQ(lux::tensor(3.0).dim(), 0);
  EXPECT_EQ(lux::tensor(3.5).item<double>(), 3.5);
  EXPECT_EQ(lux::tensor(3.0).scalar_type(), lux::kFloat32);
  EXPECT_EQ(lux::tensor(0.1, {.dtype = lux::kFloat64}).item<double>(), 0.1);
  EXPECT_EQ(lux::tensor(3).scalar_type(), lux::kInt64);
  EXPECT_EQ(lux::tensor((int64_t{1} << 53) + 1).item<int64_t>(), (int64_t{1} << 53) + 1);
  EXPECT_TRUE(lux::tensor(true).item<bool>());
}

TEST(Newcomer, AShapeOwnsItsSizes) {
  int64_t n = 2;
  lux::Shape s{n, 3};
  n = 7;
  // What a dangling view would read is overwritten before it is asked.
  std::vector<int64_t> others(64, -1);
  EXPECT_EQ(lux::zeros(s).sizes(), s);
  EXPECT_EQ(s, (std::vector<int64_t>{2, 3}));
  lux::Shape of_a_temporary = lux::ones({4, 5, 6}).sizes();
  lux::Shape of_a_vector = std::vector<int64_t>{8, 9};
  EXPECT_EQ(of_a_temporary, lux::Shape({4, 5, 6}));
  EXPECT_EQ(of_a_vector, lux::Shape({8, 9}));
  auto copy = s;
  copy[0] = 1;
  copy.push_back(6);
  EXPECT_EQ(s, lux::Shape({2, 3}));
  EXPECT_EQ(copy, lux::Shape({1, 3, 6}));
  s = {3, 2};
  EXPECT_EQ(lux::ones({2, 3}).reshape(s).sizes(), lux::Shape({3, 2}));
  EXPECT_EQ(lux::tensor(std::vector<float>(6), s).sizes(), s);
  EXPECT_EQ(lux::init::ones(lux::Rng(0), s).sizes(), s);
  EXPECT_EQ(lux::Shape({}).size(), 0u);
  EXPECT_EQ(lux::Shape({1, 2, 3, 4, 5, 6, 7, 8}).back(), 8);
  std::ostringstream out;
  out << s;
  EXPECT_EQ(out.str(), "[3, 2]");
}

template <class T>
void vector_of(lux::Dtype dtype) {
  std::vector<T> v{T(1), T(0), T(1), T(0), T(1), T(0)};
  auto x = lux::tensor(v, {2, 3});
  EXPECT_EQ(x.sizes(), at::IntArrayRef({2, 3}));
  EXPECT_EQ(x.scalar_type(), dtype);
  EXPECT_EQ(lux::tensor(v).scalar_type(), dtype);
  EXPECT_EQ(lux::to_vector<T>(x), v);
  EXPECT_EQ(lux::to_vector<T>(x.t().contiguous().t()), v);
  EXPECT_THROW(lux::tensor(v, {2, 2}), lux::ShapeError);
  EXPECT_THROW(lux::tensor(v, {-2, -3}), lux::ShapeError);
}

TEST(Newcomer, TensorsOfVectorsAndBack) {
  vector_of<float>(lux::kFloat32);
  vector_of<double>(lux::kFloat32);
  vector_of<int>(lux::kInt64);
  vector_of<int64_t>(lux::kInt64);
  vector_of<uint8_t>(lux::kInt64);
  vector_of<bool>(lux::kBool);
  V precise{0.1, 0.2};
  EXPECT_EQ(numbers(lux::tensor(precise, {1, 2}, {.dtype = lux::kFloat64})), precise);
}

TEST(Newcomer, ToVectorRefusesWhatTheTypeCannotHold) {
  EXPECT_EQ(lux::to_vector<int>(lux::tensor({1., -2.})), (std::vector<int>{1, -2}));
  EXPECT_THROW(lux::to_vector<int>(lux::tensor({1.5})), lux::ArgumentError);
  EXPECT_THROW(lux::to_vector<uint8_t>(lux::tensor({300})), lux::ArgumentError);
  EXPECT_THROW(lux::to_vector<bool>(lux::tensor({2})), lux::ArgumentError);
  EXPECT_THROW(lux::to_vector<int>(lux::tensor({NAN})), lux::ArgumentError);
  EXPECT_THROW(lux::to_vector<float>(lux::Tensor()), lux::ShapeError);
  EXPECT_THROW(lux::to_vector<float>(lux::ones({2}).to(at::kComplexFloat)), lux::ShapeError);
  EXPECT_EQ(lux::to_vector<float>(lux::ones({2}).requires_grad_()), (std::vector<float>{1, 1}));
  EXPECT_TRUE(lux::to_vector<float>(lux::ones({0, 2})).empty());
}

TEST(Newcomer, FromBlobIsAView) {
  std::vector<float> memory{1, 2, 3, 4};
  auto x = lux::from_blob(memory.data(), {2, 2});
  memory[3] = 7;
  EXPECT_EQ(numbers(x), (V{1, 2, 3, 7}));
  int64_t integers[] = {1, 2};
  EXPECT_EQ(lux::from_blob(integers, {2}).scalar_type(), lux::kInt64);
  int narrow[] = {1, -2};
  EXPECT_EQ(numbers(lux::from_blob(narrow, {2})), (V{1, -2}));
}

TEST(Newcomer, WritesOperatorsAsFunctions) {
  auto x = lux::tensor({{1., 4.}, {9., 16.}});
  EXPECT_SAME(lux::exp(x), x.exp());
  EXPECT_SAME(lux::log(x), x.log());
  EXPECT_EQ(numbers(lux::sqrt(x)), (V{1, 2, 3, 4}));
  EXPECT_SAME(lux::abs(-x), x);
  EXPECT_EQ(numbers(lux::square(lux::sqrt(x))), numbers(x));
  EXPECT_EQ(numbers(lux::pow(x, 2)), (V{1, 16, 81, 256}));
  EXPECT_EQ(numbers(lux::matmul(x, lux::eye(2))), numbers(x));
  EXPECT_EQ(lux::sum(x).item<double>(), 30);
  EXPECT_EQ(numbers(lux::sum(x, 1)), (V{5, 25}));
  EXPECT_EQ(numbers(lux::sum(x, {0, 1})), (V{30}));
  EXPECT_EQ(lux::sum(x, -1, true).dim(), 2);
  EXPECT_EQ(lux::mean(x).item<double>(), 7.5);
  EXPECT_EQ(numbers(lux::mean(x, 0)), (V{5, 10}));
  EXPECT_SAME(lux::std(x), x.std(true));
  EXPECT_SAME(lux::var(x, 1), x.var(at::IntArrayRef({1}), true));
  EXPECT_SAME(lux::norm(x, 1), x.norm(2, {1}));
  EXPECT_EQ(lux::max(x).item<double>(), 16);
  auto [values, indices] = lux::max(x, 1);
  EXPECT_EQ(numbers(values), (V{4, 16}));
  EXPECT_EQ(numbers(indices), (V{1, 1}));
  EXPECT_EQ(numbers(lux::argmin(x, 0)), (V{0, 0}));
  EXPECT_EQ(numbers(lux::clamp(x, 2, 10)), (V{2, 4, 9, 10}));
  EXPECT_EQ(numbers(lux::cumsum(x, 1)), (V{1, 5, 9, 25}));
  EXPECT_EQ(numbers(lux::maximum(x, lux::ones({2, 2}) * 5)), (V{5, 5, 9, 16}));
  EXPECT_EQ(lux::reshape(x, {4}).dim(), 1);
  EXPECT_EQ(numbers(lux::transpose(x, 0, 1)), (V{1, 9, 4, 16}));
  EXPECT_EQ(lux::squeeze(lux::unsqueeze(x, 0)).dim(), 2);
  EXPECT_SAME(lux::softmax(x), x.softmax(-1));
  EXPECT_SAME(lux::softmax(x, 0), x.softmax(0));
  EXPECT_SAME(lux::logsoftmax(x, 0), x.log_softmax(0));
  EXPECT_SAME(lux::log_softmax(x, 0), x.log_softmax(0));
  EXPECT_SAME(lux::log_softmax(x), x.log_softmax(-1));
  EXPECT_EQ(numbers(lux::zeros_like(x)), (V{0, 0, 0, 0}));
  EXPECT_EQ(numbers(lux::ones_like(x)), (V{1, 1, 1, 1}));
}

TEST(Newcomer, DrawsFromTorchsGenerator) {
  lux::manual_seed(1);
  auto a = lux::randn({2, 3}), u = lux::rand({100});
  lux::manual_seed(1);
  EXPECT_SAME(lux::randn({2, 3}), a);
  EXPECT_FALSE(lux::randn({2, 3}).equal(a));
  EXPECT_TRUE(lux::all((u >= 0) & (u < 1)).item<bool>());
  EXPECT_EQ(lux::randn({2}, {.dtype = lux::kFloat64}).scalar_type(), lux::kFloat64);
}

TEST(Newcomer, ChoosesBySlicesMasksAndConditions) {
  auto x = lux::tensor({{1., -2.}, {-3., 4.}});
  EXPECT_EQ(numbers(lux::where(x > 0, x, 0)), (V{1, 0, 0, 4}));
  EXPECT_EQ(lux::where(x > 0, x, 0).scalar_type(), lux::kFloat32);
  EXPECT_EQ(numbers(lux::where(x > 0, 7, x)), (V{7, -2, -3, 7}));
  EXPECT_EQ(numbers(lux::where(x > 0, x, -x)), (V{1, 2, 3, 4}));
  auto big = x > 0;
  EXPECT_EQ(numbers(!big), (V{0, 1, 1, 0}));
  EXPECT_EQ(numbers(big && x < 2), (V{1, 0, 0, 0}));
  EXPECT_EQ(numbers(big || x < -2), (V{1, 0, 1, 1}));
  EXPECT_EQ(numbers(big ^ (x < 2)), (V{0, 1, 1, 1}));
  EXPECT_EQ(numbers(lux::index(x, {big})), (V{1, 4}));
  EXPECT_EQ(numbers(lux::index(x, {1})), (V{-3, 4}));
  EXPECT_EQ(numbers(lux::index(x, {lux::Slice(), 0})), (V{1, -3}));
  EXPECT_EQ(numbers(lux::index(x, {lux::Slice(), lux::Slice(1, 2)})), (V{-2, 4}));
  EXPECT_EQ(numbers(lux::index(x, {lux::tensor({1, 0}), lux::tensor({0, 0})})), (V{-3, 1}));
  EXPECT_EQ(lux::index(x, {lux::Slice(), std::nullopt}).sizes(), at::IntArrayRef({2, 1, 2}));
  lux::index(x, {lux::Slice(0, 1)}).fill_(5);  // a view
  EXPECT_EQ(numbers(x), (V{5, 5, -3, 4}));
}

TEST(Newcomer, MakesAChainOfAVectorOfLayers) {
  std::vector<lux::Dense> layers(3, lux::Dense(2, 2, lux::tanh));
  lux::Chain chain(layers), mixed(layers, lux::Dense(2, 1));
  EXPECT_EQ(chain.size(), 3u);
  EXPECT_EQ(mixed.size(), 4u);
  auto [ps, st] = lux::setup(0, chain);
  EXPECT_SAME(ps, lux::setup(lux::Rng(0), chain).first);
  EXPECT_SAME(ps, lux::setup(0, lux::Chain(layers[0], layers[1], layers[2])).first);
  lux::Parallel parallel(nullptr, layers);
  EXPECT_EQ(lux::setup(0, parallel).first.size(), 3u);
  EXPECT_EQ(lux::setup(0, lux::BranchLayer(layers)).first.size(), 3u);
  EXPECT_EQ(lux::setup(0, lux::Maxout(layers)).first.size(), 3u);
}

TEST(Newcomer, GoesThroughATree) {
  auto ps = lux::named({{"weight", lux::ones({2})}, {"bias", lux::zeros({1})}});
  std::string keys;
  for (auto& [key, value] : ps) keys += key + std::to_string(value.tensor().numel()) + " ";
  EXPECT_EQ(keys, "weight2 bias1 ");
  EXPECT_THROW(
      {
        for (auto& [key, value] : lux::tuple({1, 2})) keys += key;
      },
      lux::TreeError);
  EXPECT_SAME(lux::tree::to(ps, "cpu"), ps);
  EXPECT_THROW(lux::tree::to(ps, "nowhere"), lux::ArgumentError);
}

TEST(Newcomer, LoadsBatchesAndTakesGradients) {
  lux::DataLoader loader(lux::tuple({lux::ones({5, 2}), lux::ones({5})}), {.batch_size = 2});
  int64_t rows = 0;
  for (const lux::Tree& batch : loader) rows += batch[0].tensor().size(0);
  EXPECT_EQ(rows, 5);

  auto x = lux::tensor({1., 2.});
  auto [value, dx] =
      lux::value_and_grad([](const lux::Tensor& a) { return lux::sum(lux::square(a)); }, x);
  EXPECT_EQ(value.item<double>(), 5);
  EXPECT_EQ(numbers(dx), (V{2, 4}));
  auto [v, g, aux] =
      lux::value_and_grad([](const lux::Tensor& a) { return std::pair(lux::sum(a), a * 3); }, x);
  EXPECT_EQ(numbers(g), (V{1, 1}));
  EXPECT_EQ(numbers(aux), (V{3, 6}));
}

TEST(Newcomer, FindsTheFastPathInTheUmbrella) {
  lux::ops::DisableFusedKernels guard;
  auto model = lux::Recurrence(lux::GRUCell(2, 3));
  auto [ps, st] = lux::setup(0, model);
  lux::apply<lux::Tensor>(model, lux::ones({1, 4, 2}), ps, st);
  EXPECT_EQ(lux::ops::last_backend(lux::ops::FusedOp::recurrence).backend,
            lux::ops::Backend::reference);
}

}  // namespace
