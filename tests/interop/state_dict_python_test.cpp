// State dicts that we write, loaded strictly by the torch.nn modules of Python, which then compute what
// our models do.
#include <sys/wait.h>

#include <cstdlib>

#include "interop/torch_models.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/state_dict.h"
#include "luxtorch/io/numpy.h"
#include "luxtorch/io/safetensors.h"
#include "luxtorch/io/torch_archive.h"
#include "luxtorch/layers/transformer.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch::testing {
namespace {

namespace fs = std::filesystem;

/// Trained a little, as far as BatchNorm sees it, and written with what it computes.
void write(const fs::path& folder, const std::string& name, const Layer& model, const Tensor& x) {
  auto [ps, first] = setup(Rng(5), model);
  auto st = model(x, ps, first).second;
  auto y = predict<Tree>(model, x, ps, st);
  auto state = to_torch(model, ps, st);
  torch_archive::save(folder / (name + ".pt"), state, {.state_dict = true});
  safetensors::save(folder / (name + ".safetensors"), state);
  numpy::save(folder / (name + ".npz"), named({{"x", x}, {"y", y.is_tuple() ? y[0] : y}}));
}

TEST(StateDictPython, ModulesTakeThemStrictlyAndComputeTheSame) {
  auto folder = test::fresh_folder("state_dict_python");
  Tensor xs = random::normal(Rng(1), {2, 4, 2}), x = random::normal(Rng(2), {5, 2});
  Tensor tokens = tensor({0, 3, 6, 2, 1, 1, 5, 4, 2, 0, 0, 1}).reshape({3, 4});
  write(folder, "lstm_3", LSTM(2, 3, {.num_layers = 3, .return_sequence = true}), xs);
  write(folder, "gru_both",
        GRU(2, 3,
            {.num_layers = 2, .bidirectional = true, .use_bias = false, .return_sequence = true}),
        xs);
  write(folder, "rnn_relu", Recurrence(RNNCell(2, 3, relu), {.return_sequence = true}), xs);
  write(folder, "lstm_both", BidirectionalRNN(LSTMCell(2, 3)), xs);
  write(folder, "gru_cell", GRUCell(2, 3), x);
  write(folder, "sequential", sequential(), tokens);
  write(folder, "trained", trained(), x);
  write(folder, "tagger", Tagger{}, tokens);
  // Its table of positions is no part of the module's state dict.
  write(folder, "rotary",
        TransformerEncoderLayer(8, {.nheads = 4,
                                    .hidden = 5,
                                    .activation = swish,
                                    .norm = TransformerNorm::RMSNorm,
                                    .gated = true,
                                    .kv_heads = 2,
                                    .rotary = {{.max_sequence_length = 6}},
                                    .is_causal = true,
                                    .use_bias = false}),
        random::normal(Rng(3), {2, 4, 8}));
  std::string command = std::string("\"") + test::python() + "\" \"" + test::source_folder() +
                        "/tests/interop/compare_state_dicts.py\" \"" + folder.string() + "\"";
  int status = std::system(command.c_str());
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "PyTorch or NumPy is not installed";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(StateDictPython, AStateDictsFileComesBackNested) {
  auto path = test::fresh_folder("state_dict_file") / "a.pt";
  Tree state =
      named({{"0", named({{"weight", zeros({2, 3})}, {"bias", zeros({2})}})}, {"head", zeros({})}});
  torch_archive::save(path, state, {.state_dict = true});
  EXPECT_SAME(torch_archive::load(path), state);
  torch_archive::save(path, tuple({zeros({1}), named({}), 3}), {.state_dict = true});
  EXPECT_SAME(torch_archive::load(path), named({{"0", zeros({1})}, {"2", 3}}));
}

}  // namespace
}  // namespace luxtorch::testing
