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

template <class... Impl>
Fresh fresh_of(const nn::Module& m) {
  Fresh fresh;
  auto try_type = [&](const auto* part) {
    if (part) fresh = [part] { return fresh_module(*part); };
  };
  (try_type(dynamic_cast<const Impl*>(&m)), ...);
  return fresh;
}

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

Fresh known_fresh(const nn::Module& m) {
  return fresh_of<nn::LinearImpl, nn::BilinearImpl, nn::Conv1dImpl, nn::Conv2dImpl, nn::Conv3dImpl,
                  nn::ConvTranspose1dImpl, nn::ConvTranspose2dImpl, nn::ConvTranspose3dImpl,
                  nn::BatchNorm1dImpl, nn::BatchNorm2dImpl, nn::BatchNorm3dImpl,
                  nn::InstanceNorm1dImpl, nn::InstanceNorm2dImpl, nn::InstanceNorm3dImpl,
                  nn::LayerNormImpl, nn::GroupNormImpl, nn::PReLUImpl, nn::EmbeddingImpl,
                  nn::EmbeddingBagImpl, nn::RNNImpl, nn::LSTMImpl, nn::GRUImpl, nn::RNNCellImpl,
                  nn::LSTMCellImpl, nn::GRUCellImpl, nn::MultiheadAttentionImpl,
                  nn::AdaptiveLogSoftmaxWithLossImpl, nn::TransformerEncoderLayerImpl,
                  nn::TransformerDecoderLayerImpl, nn::TransformerImpl>(m);
}

bool merely_holds_parts(const nn::Module& m) {
  return is_any_of<nn::TransformerEncoderImpl, nn::TransformerDecoderImpl>(m);
}

}  // namespace luxtorch::detail
