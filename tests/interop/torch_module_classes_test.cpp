// Every public class of torch::nn that has parameters, through functional(): one row each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/adaptive.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/moduledict.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/parameterdict.h>
#include <torch/nn/modules/container/parameterlist.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/instancenorm.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/modules/rnn.h>
#include <torch/nn/modules/transformer.h>
#include <torch/nn/modules/transformercoder.h>
#include <torch/nn/modules/transformerlayer.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <regex>
#include <set>

#include "interop/torch_module_cases.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/torch_module.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

// A module of its own, and the same as a layer.
struct Pair {
  std::shared_ptr<nn::Module> module;
  Layer layer;
  Tree x;
  std::function<Tree(const std::vector<Tensor>&)> forward;  // the module's own
};

struct Row {
  const char* name;
  std::function<Pair()> make;
  bool draws = true;   // has setup anything to draw?
  bool parts = false;  // does whoever makes it draw for its parts too?
};

void seed_torch(uint64_t seed) {
  auto generator = at::globalContext().defaultGenerator(at::kCPU);
  generator.set_current_seed(seed);
}

template <class Y>
Tree as_tree(const Y& y) {
  if constexpr (std::same_as<Y, nn::ASMoutput>) {
    return tuple({Tree(y.output), Tree(y.loss)});
  } else {
    return to_tree(y);
  }
}

template <class M, class... X>
Pair pair_of(M module, const X&... x) {
  auto forward = [&]<size_t... I>(std::index_sequence<I...>) {
    return [module](const std::vector<Tensor>& x) mutable {
      auto y = as_tree(module->forward(x[I]...));
      if constexpr (detail::is_torch_cell<M>()) {  // a cell's layer gives a Step
        return y.is_tensor() ? tuple({y, tuple({y})}) : tuple({y[0], y});
      } else {
        return y;
      }
    };
  }(std::index_sequence_for<X...>());
  Tree in = sizeof...(X) == 1 ? tuple({Tree(x)...})[0] : tuple({Tree(x)...});
  return {module.ptr(), functional(module), in, forward};
}

// Modules without a forward of their own, in one that has it.
struct ListsImpl : nn::Cloneable<ListsImpl> {
  nn::ModuleList layers;
  ListsImpl() { reset(); }
  void reset() override {
    layers = register_module("layers", nn::ModuleList(nn::Linear(3, 4), nn::Linear(4, 2)));
  }
  Tensor forward(Tensor x) {
    for (const auto& layer : *layers) x = layer->as<nn::Linear>()->forward(x).tanh();
    return x;
  }
};
TORCH_MODULE(Lists);
struct DictsImpl : nn::Cloneable<DictsImpl> {
  nn::ModuleDict layers;
  DictsImpl() { reset(); }
  void reset() override {
    std::vector<std::pair<std::string, std::shared_ptr<nn::Module>>> parts{
        {"in", nn::Linear(3, 4).ptr()}, {"out", nn::Linear(4, 2).ptr()}};
    layers = register_module("layers", nn::ModuleDict(parts));
  }
  Tensor forward(const Tensor& x) {
    auto h = layers[std::string("in")]->as<nn::Linear>()->forward(x).tanh();
    return layers[std::string("out")]->as<nn::Linear>()->forward(h);
  }
};
TORCH_MODULE(Dicts);
struct ParameterListsImpl : nn::Module {
  nn::ParameterList weights;
  ParameterListsImpl() {
    weights = register_module("weights", nn::ParameterList());
    weights->append(normal(1, {3}).requires_grad_());
    weights->append(normal(2, {3}).requires_grad_());
  }
  Tensor forward(const Tensor& x) { return x * weights[0] + weights[1]; }
};
TORCH_MODULE(ParameterLists);
struct ParameterDictsImpl : nn::Module {
  nn::ParameterDict weights;
  ParameterDictsImpl() {
    weights = register_module("weights", nn::ParameterDict());
    weights->insert("scale", normal(1, {3}).requires_grad_());
    weights->insert("shift", normal(2, {3}).requires_grad_());
  }
  Tensor forward(const Tensor& x) { return x * weights["scale"] + weights["shift"]; }
};
TORCH_MODULE(ParameterDicts);

Tensor tokens(Shape shape, int64_t limit) {
  return (random::uniform(Rng(5), shape) * static_cast<double>(limit)).to(c10::kLong);
}

const std::vector<Row>& rows() {
  static const nn::TransformerEncoderLayerOptions encoder =
      nn::TransformerEncoderLayerOptions(4, 2).dim_feedforward(6);
  static const nn::TransformerDecoderLayerOptions decoder =
      nn::TransformerDecoderLayerOptions(4, 2).dim_feedforward(6);
  static const std::vector<Row> all{
      {"Linear", [] { return pair_of(nn::Linear(3, 4), normal(1, {5, 3})); }},
      {"Bilinear",
       [] { return pair_of(nn::Bilinear(3, 4, 2), normal(1, {5, 3}), normal(2, {5, 4})); }},
      {"Conv1d", [] { return pair_of(nn::Conv1d(2, 3, 3), normal(1, {4, 2, 6})); }},
      {"Conv2d", [] { return pair_of(nn::Conv2d(2, 3, 3), normal(1, {4, 2, 6, 5})); }},
      {"Conv3d", [] { return pair_of(nn::Conv3d(2, 3, 2), normal(1, {2, 2, 3, 4, 3})); }},
      {"ConvTranspose1d",
       [] { return pair_of(nn::ConvTranspose1d(2, 3, 3), normal(1, {4, 2, 6})); }},
      {"ConvTranspose2d",
       [] { return pair_of(nn::ConvTranspose2d(2, 3, 3), normal(1, {4, 2, 4, 5})); }},
      {"ConvTranspose3d",
       [] { return pair_of(nn::ConvTranspose3d(2, 3, 2), normal(1, {2, 2, 3, 3, 2})); }},
      {"BatchNorm1d", [] { return pair_of(nn::BatchNorm1d(3), normal(1, {5, 3})); }, false},
      {"BatchNorm2d", [] { return pair_of(nn::BatchNorm2d(3), normal(1, {5, 3, 2, 4})); }, false},
      {"BatchNorm3d", [] { return pair_of(nn::BatchNorm3d(3), normal(1, {5, 3, 2, 2, 3})); },
       false},
      {"InstanceNorm1d",
       [] {
         auto options = nn::InstanceNorm1dOptions(3).affine(true).track_running_stats(true);
         return pair_of(nn::InstanceNorm1d(options), normal(1, {5, 3, 4}));
       },
       false},
      {"InstanceNorm2d",
       [] {
         auto options = nn::InstanceNorm2dOptions(3).affine(true);
         return pair_of(nn::InstanceNorm2d(options), normal(1, {5, 3, 4, 2}));
       },
       false},
      {"InstanceNorm3d",
       [] {
         auto options = nn::InstanceNorm3dOptions(3).affine(true);
         return pair_of(nn::InstanceNorm3d(options), normal(1, {2, 3, 4, 2, 3}));
       },
       false},
      {"LayerNorm",
       [] { return pair_of(nn::LayerNorm(nn::LayerNormOptions({3, 4})), normal(1, {5, 3, 4})); },
       false},
      {"GroupNorm", [] { return pair_of(nn::GroupNorm(2, 4), normal(1, {5, 4, 3})); }, false},
      {"PReLU",
       [] { return pair_of(nn::PReLU(nn::PReLUOptions().num_parameters(3)), normal(1, {5, 3})); },
       false},
      {"Embedding", [] { return pair_of(nn::Embedding(7, 3), tokens({4, 5}, 7)); }},
      {"EmbeddingBag",
       [] {
         return pair_of(nn::EmbeddingBag(7, 3), tokens({10}, 7), tensor({0.0, 5.0}).to(c10::kLong));
       }},
      {"MultiheadAttention",
       [] {
         return pair_of(nn::MultiheadAttention(nn::MultiheadAttentionOptions(4, 2).dropout(0.2)),
                        normal(1, {5, 3, 4}), normal(2, {6, 3, 4}), normal(3, {6, 3, 4}));
       }},
      {"AdaptiveLogSoftmaxWithLoss",
       [] {
         nn::AdaptiveLogSoftmaxWithLossOptions options(8, 20, {5, 10});
         options.div_value(2);
         return pair_of(nn::AdaptiveLogSoftmaxWithLoss(options), normal(1, {8, 8}),
                        tokens({8}, 20));
       }},
      {"RNN", [] { return pair_of(nn::RNN(2, 4), normal(1, {6, 3, 2})); }},
      {"LSTM",
       [] {
         auto options = nn::LSTMOptions(2, 4).num_layers(2).bidirectional(true).dropout(0.3);
         return pair_of(nn::LSTM(options), normal(1, {6, 3, 2}));
       }},
      {"GRU",
       [] {
         return pair_of(nn::GRU(nn::GRUOptions(2, 4).batch_first(true)), normal(1, {3, 6, 2}));
       }},
      {"RNNCell", [] { return pair_of(nn::RNNCell(2, 4), normal(1, {3, 2})); }},
      {"LSTMCell", [] { return pair_of(nn::LSTMCell(2, 4), normal(1, {3, 2})); }},
      {"GRUCell", [] { return pair_of(nn::GRUCell(2, 4), normal(1, {3, 2})); }},
      {"TransformerEncoderLayer",
       [] { return pair_of(nn::TransformerEncoderLayer(encoder), normal(1, {5, 3, 4})); }},
      {"TransformerDecoderLayer",
       [] {
         return pair_of(nn::TransformerDecoderLayer(decoder), normal(1, {5, 3, 4}),
                        normal(2, {6, 3, 4}));
       }},
      {"TransformerEncoder",
       [] {
         nn::TransformerEncoder module(
             nn::TransformerEncoderOptions(nn::TransformerEncoderLayer(encoder), 2));
         return pair_of(module, normal(1, {5, 3, 4}));
       },
       true, true},
      {"TransformerDecoder",
       [] {
         nn::TransformerDecoder module(
             nn::TransformerDecoderOptions(nn::TransformerDecoderLayer(decoder), 2));
         return pair_of(module, normal(1, {5, 3, 4}), normal(2, {6, 3, 4}));
       },
       true, true},
      {"Transformer",
       [] {
         auto options = nn::TransformerOptions(4, 2, 1, 1).dim_feedforward(6);
         return pair_of(nn::Transformer(options), normal(1, {5, 3, 4}), normal(2, {6, 3, 4}));
       }},
      {"Sequential",
       [] {
         return pair_of(nn::Sequential(nn::Linear(3, 4), nn::Tanh(), nn::Linear(4, 2)),
                        normal(1, {5, 3}));
       },
       true, true},
      {"ModuleList", [] { return pair_of(Lists(), normal(1, {5, 3})); }},
      {"ModuleDict", [] { return pair_of(Dicts(), normal(1, {5, 3})); }},
      {"ParameterList", [] { return pair_of(ParameterLists(), normal(1, {5, 3})); }, false},
      {"ParameterDict", [] { return pair_of(ParameterDicts(), normal(1, {5, 3})); }, false},
  };
  return all;
}

// The classes that have none: a new one of torch's belongs either here or into the table.
const std::set<std::string> kWithoutParameters{"AdaptiveAvgPool1d",
                                               "AdaptiveAvgPool2d",
                                               "AdaptiveAvgPool3d",
                                               "AdaptiveMaxPool1d",
                                               "AdaptiveMaxPool2d",
                                               "AdaptiveMaxPool3d",
                                               "AlphaDropout",
                                               "AvgPool1d",
                                               "AvgPool2d",
                                               "AvgPool3d",
                                               "BCELoss",
                                               "BCEWithLogitsLoss",
                                               "CELU",
                                               "CTCLoss",
                                               "ConstantPad1d",
                                               "ConstantPad2d",
                                               "ConstantPad3d",
                                               "CosineEmbeddingLoss",
                                               "CosineSimilarity",
                                               "CrossEntropyLoss",
                                               "CrossMapLRN2d",
                                               "Dropout",
                                               "Dropout2d",
                                               "Dropout3d",
                                               "ELU",
                                               "FeatureAlphaDropout",
                                               "Flatten",
                                               "Fold",
                                               "FractionalMaxPool2d",
                                               "FractionalMaxPool3d",
                                               "Functional",
                                               "GELU",
                                               "GLU",
                                               "Hardshrink",
                                               "Hardtanh",
                                               "HingeEmbeddingLoss",
                                               "HuberLoss",
                                               "Identity",
                                               "KLDivLoss",
                                               "L1Loss",
                                               "LPPool1d",
                                               "LPPool2d",
                                               "LPPool3d",
                                               "LeakyReLU",
                                               "LocalResponseNorm",
                                               "LogSigmoid",
                                               "LogSoftmax",
                                               "MSELoss",
                                               "MarginRankingLoss",
                                               "MaxPool1d",
                                               "MaxPool2d",
                                               "MaxPool3d",
                                               "MaxUnpool1d",
                                               "MaxUnpool2d",
                                               "MaxUnpool3d",
                                               "Mish",
                                               "MultiLabelMarginLoss",
                                               "MultiLabelSoftMarginLoss",
                                               "MultiMarginLoss",
                                               "NLLLoss",
                                               "PairwiseDistance",
                                               "PixelShuffle",
                                               "PixelUnshuffle",
                                               "PoissonNLLLoss",
                                               "RReLU",
                                               "ReLU",
                                               "ReLU6",
                                               "ReflectionPad1d",
                                               "ReflectionPad2d",
                                               "ReflectionPad3d",
                                               "ReplicationPad1d",
                                               "ReplicationPad2d",
                                               "ReplicationPad3d",
                                               "SELU",
                                               "SiLU",
                                               "Sigmoid",
                                               "SmoothL1Loss",
                                               "SoftMarginLoss",
                                               "Softmax",
                                               "Softmax2d",
                                               "Softmin",
                                               "Softplus",
                                               "Softshrink",
                                               "Softsign",
                                               "Tanh",
                                               "Tanhshrink",
                                               "Threshold",
                                               "TripletMarginLoss",
                                               "TripletMarginWithDistanceLoss",
                                               "Unflatten",
                                               "Unfold",
                                               "Upsample",
                                               "ZeroPad1d",
                                               "ZeroPad2d",
                                               "ZeroPad3d"};

// The names in torch's headers: TORCH_MODULE(Name), or a holder written out.
std::set<std::string> classes_in_headers() {
  std::set<std::string> names;
  std::regex holder(
      R"(^(?:TORCH_MODULE\((\w+)\)|class (\w+) : public (?:torch::nn::)?ModuleHolder<))");
  std::filesystem::path folder(LUXTORCH_LIBTORCH
                               "/include/torch/csrc/api/include/torch/nn/modules");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      std::smatch found;
      if (std::regex_search(line, found, holder)) names.insert(found[1].str() + found[2].str());
    }
  }
  return names;
}

TEST(FunctionalClasses, AreAllOfTorchsThatHaveParameters) {
  std::set<std::string> in_table;
  for (const auto& row : rows()) in_table.insert(row.name);
  auto classes = classes_in_headers();
  EXPECT_GT(classes.size(), 100u);
  for (const auto& name : classes) {
    EXPECT_EQ(in_table.count(name) + kWithoutParameters.count(name), 1u)
        << name << ": a row of the table if it has parameters, else a name of kWithoutParameters";
  }
}

TEST(FunctionalClasses, DrawTheirFirstValuesAsTheirConstructorsDo) {
  for (const auto& row : rows()) {
    SCOPED_TRACE(row.name);
    auto layer = row.make().layer;
    auto ps = setup(Rng(3), layer).first;
    EXPECT_SAME(setup(Rng(3), layer).first, ps);
    EXPECT_EQ(tree::equal(setup(Rng(4), layer).first, ps), !row.draws);
    if (!row.parts) {
      seed_torch(Rng(3).fold_in("parameters").key());
      EXPECT_SAME(tree::unflatten(ps,
                                  [&] {
                                    std::vector<Tree> own;
                                    for (const auto& p : row.make().module->parameters())
                                      own.push_back(p.detach());
                                    return own;
                                  }()),
                  ps);
    }
  }
}

TEST(FunctionalClasses, ComputeWhatTheModuleItselfDoesAndLeaveItAlone) {
  for (const auto& row : rows()) {
    SCOPED_TRACE(row.name);
    auto pair = row.make();
    auto before = snapshot(*pair.module);
    auto [initial, st] = setup(Rng(3), pair.layer);
    auto ps = leaves_with_gradients(drawn(initial, 7));
    auto ps_before = tree::map_tensors([](const Tensor& t) { return t.detach().clone(); }, ps);
    auto leaf = [](const Tensor& t) {
      auto copy = t.detach().clone();
      return copy.is_floating_point() ? copy.requires_grad_() : copy;
    };
    auto input = tree::map_tensors(leaf, pair.x);
    auto inputs = tree::tensors(input);

    auto [y, st2] = pair.layer(input, ps, st);
    auto sources = tree::tensors(ps);
    for (const auto& t : inputs)
      if (t.requires_grad()) sources.push_back(t);
    auto found = torch::autograd::grad({loss_of(y)}, sources, {}, {}, false, true);
    EXPECT_SAME(snapshot(*pair.module), before);
    for (const auto& p : pair.module->parameters()) EXPECT_FALSE(p.grad().defined());
    EXPECT_SAME(tree::detach(ps), ps_before);
    EXPECT_EQ(tree::difference(st, st2), "");

    auto own = pair.module->parameters();
    {
      torch::NoGradGuard no_grad;
      auto values = tree::tensors(ps);
      ASSERT_EQ(own.size(), values.size());
      for (size_t i = 0; i < own.size(); ++i) own[i].copy_(values[i]);
    }
    if (st.contains("rng")) seed_torch(st["rng"].scalar<Rng>().key());
    auto expected = pair.forward(inputs);
    EXPECT_SAME(tree::detach(y), tree::detach(expected));
    auto new_buffers = tree::tensors(st2);
    auto own_buffers = pair.module->buffers();
    ASSERT_EQ(new_buffers.size(), own_buffers.size());
    for (size_t i = 0; i < own_buffers.size(); ++i) EXPECT_SAME(new_buffers[i], own_buffers[i]);
    for (const auto& t : inputs)
      if (t.requires_grad()) own.push_back(t);
    auto expected_gradients = torch::autograd::grad({loss_of(expected)}, own, {}, {}, false, true);
    for (size_t i = 0; i < found.size(); ++i) {
      ASSERT_EQ(found[i].defined(), expected_gradients[i].defined()) << i;
      if (!found[i].defined()) continue;
      EXPECT_SAME(found[i], expected_gradients[i]) << i;
    }
  }
}

}  // namespace
}  // namespace luxtorch
