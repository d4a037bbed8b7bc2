#include "ops/dense_kernels.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <optional>
#include <type_traits>

#include "core/parallel.h"
#include "kernels/dense.h"
#include "ops/fast_path.h"
#include "ops/recycled_memory.h"

namespace luxtorch::ops {

namespace {

using kernels::DenseActivation;
using kernels::DenseLayer;
using kernels::DenseRows;

// So many multiply-adds are worth a thread of their own.
constexpr int64_t kProductsOfThread = 1 << 18;

struct Fused {
  DenseActivation activation;
  double slope = 0;
};
std::optional<Fused> fused(const Activation& a) {
  if (a == identity) return Fused{DenseActivation::identity};
  if (a == relu) return Fused{DenseActivation::relu};
  if (a == tanh || a == tanh_fast) return Fused{DenseActivation::tanh};
  if (a == sigmoid || a == sigmoid_fast) return Fused{DenseActivation::sigmoid};
  const double slope = a.numbers()[0];
  // Below 0 y does not tell on which side its sum was.
  if (slope >= 0 && a == leakyrelu(slope)) return Fused{DenseActivation::leakyrelu, slope};
  return std::nullopt;
}

// The layers as kernels see them.
template <class T>
struct Run {
  std::vector<DenseLayer<T>> layers;
  DenseRows<const T> x;
  int64_t rows, products = 0;  // products: of a row

  explicit Run(const DenseInput& in) : rows(in.rows()) {
    x = {in.x.const_data_ptr<T>(), in.x.size(1)};
    for (const DenseCall& call : in.layers) {
      const Fused f = *fused(call.activation);
      DenseLayer<T> l;
      l.in = call.weight.size(1), l.out = call.weight.size(0);
      l.activation = f.activation, l.slope = static_cast<T>(f.slope);
      l.weight = call.weight.const_data_ptr<T>();
      if (call.bias.defined()) l.bias = call.bias.const_data_ptr<T>();
      products += l.in * l.out;
      layers.push_back(l);
    }
  }

  int64_t count() const { return static_cast<int64_t>(layers.size()); }
  // A number of rows for each thread.
  int64_t grain() const { return std::max<int64_t>(12, kProductsOfThread / products); }
  static int64_t stride(const DenseLayer<T>& l) { return kernels::dense_stride<T>(l.out); }

  int64_t hidden_size() const {
    int64_t size = 0;
    for (int64_t l = 0; l + 1 < count(); ++l) size += rows * stride(layers[l]);
    return size;
  }
  void set_outputs(T* hidden, T* y) {
    for (int64_t l = 0; l + 1 < count(); ++l) {
      layers[l].y = {hidden, stride(layers[l])};
      hidden += rows * stride(layers[l]);
    }
    layers.back().y = {y, layers.back().out};
  }
};

template <class T>
constexpr Dtype kDtype = std::is_same_v<T, float> ? kFloat32 : kFloat64;

template <class T>
T* writable(const Tensor& t) {
  return t.mutable_data_ptr<T>();
}

// Weights in panels. `columns` of a layer's weight are the panels' columns, `depth` their rows.
template <class T, class Columns, class Depth, class Pack>
Tensor packed(Run<T>& run, int64_t first, const Columns& columns, const Depth& depth,
              const T* DenseLayer<T>::* where, const Pack& pack) {
  const int64_t width = kernels::dense_panel<T>();
  int64_t size = 0;
  for (int64_t l = first; l < run.count(); ++l)
    size += kernels::dense_panels<T>(columns(run.layers[l])) * width * depth(run.layers[l]);
  const Tensor memory = recycled({size}, kDtype<T>);
  T* to = writable<T>(memory);
  for (int64_t l = first; l < run.count(); ++l) {
    auto& layer = run.layers[l];
    const int64_t panels = kernels::dense_panels<T>(columns(layer)),
                  of_panel = width * depth(layer);
    detail::parallel_for(0, panels, kOfOneThread / of_panel + 1,
                         [&](int64_t p, int64_t end) { pack(layer, p, end, to); });
    layer.*where = to;
    to += panels * of_panel;
  }
  return memory;
}

// Some rows at a time, whose hidden outputs nobody needs afterwards.
template <class T>
void forward_unkept(const Run<T>& run, T* y) {
  detail::parallel_for(0, run.rows, run.grain(), [&](int64_t first, int64_t last) {
    Run<T> part = run;
    part.rows = std::min(kernels::kDenseRows, last - first);
    const Tensor hidden = recycled({part.hidden_size()}, kDtype<T>);
    for (int64_t row = first; row < last; row += part.rows) {
      part.x.at = run.x.at + row * run.x.stride;
      part.set_outputs(writable<T>(hidden), y + row * run.layers.back().out);
      kernels::dense_forward(part.layers.data(), part.count(), part.x, 0,
                             std::min(part.rows, last - row));
    }
  });
}

template <class T>
Tensor forward(const DenseInput& in, const Tensor& y, bool keep) {
  Run<T> run(in);
  const Tensor weights = packed(
      run, 0, [](const auto& l) { return l.out; }, [](const auto& l) { return l.in; },
      &DenseLayer<T>::for_outputs, kernels::dense_pack_outputs<T>);
  if (!keep && run.count() > 1) {
    forward_unkept(run, writable<T>(y));
    return {};
  }
  const Tensor hidden = run.count() > 1 ? recycled({run.hidden_size()}, kDtype<T>) : Tensor();
  run.set_outputs(hidden.defined() ? writable<T>(hidden) : nullptr, writable<T>(y));
  detail::parallel_for(0, run.rows, run.grain(), [&](int64_t first, int64_t last) {
    kernels::dense_forward(run.layers.data(), run.count(), run.x, first, last);
  });
  return hidden;
}

template <class T>
void weight_gradients(const Run<T>& run, int64_t l, const Tensor& by_weight,
                      const Tensor& by_bias) {
  const auto& layer = run.layers[l];
  T* const bias = by_bias.defined() ? writable<T>(by_bias) : nullptr;
  if (!by_weight.defined()) {
    if (bias) kernels::dense_bias_gradient(layer, run.rows, bias);
    return;
  }
  const auto& before = run.layers[l > 0 ? l - 1 : 0].y;
  const auto x = l > 0 ? DenseRows<const T>{before.at, before.stride} : run.x;
  detail::parallel_for(
      0, layer.out, std::max<int64_t>(6, kProductsOfThread / (run.rows * layer.in)),
      [&](int64_t first, int64_t last) {
        const Tensor scratch = recycled({kernels::dense_scratch<T>(layer.in)}, kDtype<T>);
        kernels::dense_weight_gradient(layer, x, run.rows, first, last, writable<T>(scratch),
                                       writable<T>(by_weight), bias);
      });
}

template <class T>
std::vector<Tensor> backward(const DenseInput& in, const Tensor& hidden, const Tensor& y,
                             const Tensor& by_y, const std::vector<bool>& wanted) {
  Run<T> run(in);
  // A kernel reads y, of whatever activation; only a run of several layers has hidden outputs.
  run.set_outputs(hidden.defined() ? writable<T>(hidden) : nullptr,
                  writable<T>(y.defined() ? y : by_y));
  std::vector<Tensor> all(wanted.size());
  const auto options = in.x.options().requires_grad(false);
  if (wanted[0]) all[0] = at::empty(in.x.sizes(), options);
  for (size_t i = 1; i < all.size(); ++i) {
    const auto& layer = in.layers[(i - 1) / 2];
    if (wanted[i]) all[i] = at::empty((i % 2 == 1 ? layer.weight : layer.bias).sizes(), options);
  }

  const DenseRows<const T> by_last{by_y.const_data_ptr<T>(), in.out()};
  // As the hidden outputs; the last layer's is by_y itself where y is not read.
  auto& last = run.layers.back();
  const int64_t hidden_size = run.hidden_size(),
                last_size = y.defined() ? run.rows * run.stride(last) : 0;
  const Tensor by_z = recycled({hidden_size + last_size}, kDtype<T>);
  T* at = writable<T>(by_z);
  last.by_z = {y.defined() ? at + hidden_size : writable<T>(by_y),
               y.defined() ? run.stride(last) : by_last.stride};
  for (int64_t l = 0; l + 1 < run.count(); ++l) {
    run.layers[l].by_z = {at, run.stride(run.layers[l])};
    at += run.rows * run.stride(run.layers[l]);
  }
  const Tensor weights = packed(
      run, wanted[0] ? 0 : 1, [](const auto& l) { return l.in; },
      [](const auto& l) { return l.out; }, &DenseLayer<T>::for_inputs,
      kernels::dense_pack_inputs<T>);
  const DenseRows<T> by_x{wanted[0] ? writable<T>(all[0]) : nullptr, run.x.stride};
  detail::parallel_for(0, run.rows, run.grain(), [&](int64_t first, int64_t last) {
    kernels::dense_backward(run.layers.data(), run.count(), by_last, by_x, first, last);
  });
  for (int64_t l = 0; l < run.count(); ++l)
    weight_gradients(run, l, all[static_cast<size_t>(1 + 2 * l)],
                     all[static_cast<size_t>(2 + 2 * l)]);
  return all;
}

}  // namespace

bool is_fused(const Activation& activation) { return fused(activation).has_value(); }

Tensor dense_forward(const DenseInput& in, const Tensor& y, bool keep) {
  return in.x.scalar_type() == kFloat32 ? forward<float>(in, y, keep)
                                        : forward<double>(in, y, keep);
}

std::vector<Tensor> dense_backward(const DenseInput& in, const Tensor& hidden, const Tensor& y,
                                   const Tensor& by_y, const std::vector<bool>& wanted) {
  return in.x.scalar_type() == kFloat32 ? backward<float>(in, hidden, y, by_y, wanted)
                                        : backward<double>(in, hidden, y, by_y, wanted);
}

}  // namespace luxtorch::ops
