#include "interop/module_kinds.h"

#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/adaptive.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/instancenorm.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/modules/pooling.h>
#include <torch/nn/modules/rnn.h>
#include <torch/nn/modules/transformer.h>
#include <torch/nn/modules/transformercoder.h>
#include <torch/nn/modules/transformerlayer.h>

#include <type_traits>

#include "luxtorch/interop/torch_module.h"

namespace luxtorch::detail {

namespace nn = torch::nn;

namespace {

template <class... Impl>
bool is_any_of(const nn::Module& m) {
  return (dynamic_cast<const Impl*>(&m) || ...);
}

template <class... Impl>
bool has_dropout(const nn::Module& m) {
  auto drops = [](const auto* rnn) { return rnn && rnn->options_base.dropout() > 0; };
  return (drops(dynamic_cast<const Impl*>(&m)) || ...);
}

using Fresh = std::function<std::shared_ptr<nn::Module>()>;

}  // namespace

Draws draws_itself(const nn::Module& m) {
  if (is_any_of<nn::FractionalMaxPool2dImpl, nn::FractionalMaxPool3dImpl>(m)) return Draws::Always;
  const auto* attention = dynamic_cast<const nn::MultiheadAttentionImpl*>(&m);
  bool draws = is_any_of<nn::DropoutImpl, nn::Dropout2dImpl, nn::Dropout3dImpl,
                         nn::AlphaDropoutImpl, nn::FeatureAlphaDropoutImpl, nn::RReLUImpl>(m) ||
               has_dropout<nn::RNNImpl, nn::LSTMImpl, nn::GRUImpl>(m) ||
               (attention && attention->options.dropout() > 0);
  return draws ? Draws::InTraining : Draws::Never;
}

namespace {

// Calls f with the module as its own class, if it is one of torch's that have tensors.
template <class F>
void with_own_type(const nn::Module& m, const F& f) {
  auto try_all = [&]<class... Impl>(std::type_identity<Impl>...) {
    auto try_type = [&](const auto* part) {
      if (part) f(*part);
    };
    (try_type(dynamic_cast<const Impl*>(&m)), ...);
  };
  using std::type_identity;
  try_all(type_identity<nn::LinearImpl>(), type_identity<nn::BilinearImpl>(),
          type_identity<nn::Conv1dImpl>(), type_identity<nn::Conv2dImpl>(),
          type_identity<nn::Conv3dImpl>(), type_identity<nn::ConvTranspose1dImpl>(),
          type_identity<nn::ConvTranspose2dImpl>(), type_identity<nn::ConvTranspose3dImpl>(),
          type_identity<nn::BatchNorm1dImpl>(), type_identity<nn::BatchNorm2dImpl>(),
          type_identity<nn::BatchNorm3dImpl>(), type_identity<nn::InstanceNorm1dImpl>(),
          type_identity<nn::InstanceNorm2dImpl>(), type_identity<nn::InstanceNorm3dImpl>(),
          type_identity<nn::LayerNormImpl>(), type_identity<nn::GroupNormImpl>(),
          type_identity<nn::PReLUImpl>(), type_identity<nn::EmbeddingImpl>(),
          type_identity<nn::EmbeddingBagImpl>(), type_identity<nn::RNNImpl>(),
          type_identity<nn::LSTMImpl>(), type_identity<nn::GRUImpl>(),
          type_identity<nn::RNNCellImpl>(), type_identity<nn::LSTMCellImpl>(),
          type_identity<nn::GRUCellImpl>(), type_identity<nn::MultiheadAttentionImpl>(),
          type_identity<nn::AdaptiveLogSoftmaxWithLossImpl>(),
          type_identity<nn::TransformerEncoderLayerImpl>(),
          type_identity<nn::TransformerDecoderLayerImpl>(), type_identity<nn::TransformerImpl>());
}

}  // namespace

Fresh known_fresh(const nn::Module& m) {
  Fresh fresh;
  with_own_type(m, [&](const auto& part) { fresh = [&part] { return fresh_module(part); }; });
  return fresh;
}

std::vector<Tensor> members(const nn::Module& m) {
  std::vector<Tensor> found;
  with_own_type(m, [&](const auto& part) {
    if constexpr (requires { part.weight; }) found.push_back(part.weight);
    if constexpr (requires { part.bias; }) found.push_back(part.bias);
    if constexpr (requires { part.running_mean; }) {
      for (const auto& t : {part.running_mean, part.running_var, part.num_batches_tracked})
        found.push_back(t);
    }
    if constexpr (requires { part.weight_ih; }) {
      for (const auto& t : {part.weight_ih, part.weight_hh, part.bias_ih, part.bias_hh})
        found.push_back(t);
    }
    if constexpr (requires { part.in_proj_weight; }) {
      for (const auto& t : {part.in_proj_weight, part.in_proj_bias, part.q_proj_weight,
                            part.k_proj_weight, part.v_proj_weight, part.bias_k, part.bias_v})
        found.push_back(t);
    }
  });
  return found;
}

bool merely_holds_parts(const nn::Module& m) {
  return is_any_of<nn::TransformerEncoderImpl, nn::TransformerDecoderImpl>(m);
}

}  // namespace luxtorch::detail
