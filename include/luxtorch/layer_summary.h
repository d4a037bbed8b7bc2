// A model as a table: what each layer returns, holds and costs.
//
//     std::cout << summary(model, ps, st, x);                    // one run
//     std::cout << summary(model, {32, 2});                      // for x of a shape, without arithmetic
//     Summary s = summary(model, ps, st, x, {.step = true, .time = true});  // also of a training step
//     std::string table = s.to_html(), data = s.to_json();
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <typeinfo>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/layer_description.h"

namespace luxtorch {

/// What a summary measures besides one run in test mode and without a graph.
struct SummaryOptions {
  /// Measures a pass forward in training mode with a graph and a pass backward from the sum of the output:
  /// SummaryRow::step_flops and kept_bytes. No optimizer runs, and nothing of the caller's changes. What
  /// the model does in training mode it does here, too: batch norms of a group exchange messages, so all
  /// processes call it.
  bool step = false;
  /// Measures seconds, and with `step` step_seconds.
  bool time = false;
  /// With `time`, how many runs of each kind there are after a first one that does not count. The
  /// fastest is taken.
  int64_t runs = 5;
  /// Parameters that are not trained: all at or below these paths, "" for all of them. A tensor that is
  /// a parameter at two places is frozen at both.
  std::vector<std::string> frozen = {};
};

/// A row of a summary: a layer without the layers inside, which have rows of their own. Work of a layer
/// between two calls of layers inside it stands in the row of the one that ends next. Counts are Lux's:
/// parameters are elements; a state that is no tensor counts 1.
struct SummaryRow {
  std::string path;    ///< "layer_2.classifier"; "" for the model itself
  std::string layer;   ///< the layer's text
  std::string output;  ///< the output's shape, "(32, 8)"; "" where the call was not seen
  std::string dtype;   ///< of its parameters, "float32" or "float32, bfloat16"; "" without any
  std::string output_dtype;  ///< of the output's tensors, alike
  int64_t parameters = 0;    ///< elements of its parameters
  int64_t trainable = 0;     ///< of these, the floating ones that are not frozen
  int64_t states = 0;        ///< elements of its states
  int64_t bytes = 0;         ///< of these parameters and states
  /// Of all its calls in one run: 2 for each multiply-add of a product. With rows = the sizes of x before
  /// the last one multiplied:
  ///
  ///     Dense            2 rows in out
  ///     Conv             2 batch prod(output) out (in / groups) prod(kernel)
  ///     ConvTranspose    2 batch prod(input) in (out / groups) prod(kernel)
  ///     LSTM, GRU, RNN   2 rows g out (in + out), g = 4, 3, 1; of tokens 2 rows g out out
  ///     attention        2 batch heads queries keys (head of q + head of v), causal ones alike
  ///     Bilinear         2 rows in2 out (in1 + 1)
  ///
  /// All steps of a sequence count, whatever the lengths. Everything else counts 0: sums, activations,
  /// norms, pools, and products that a user's layer or a torch::nn module computes by itself.
  int64_t flops = 0;
  /// `flops` of a training step: those of the pass forward, and once more for each of a product's factors
  /// (input, weight) that needs a gradient. The input of the first trainable layer needs none, a frozen
  /// weight needs none; the first state of a sequence needs one only if it was computed. A
  /// Checkpointed layer counts what it runs again; what an operator computes again inside does not
  /// count. With SummaryOptions::step.
  std::optional<int64_t> step_flops = {};
  /// Bytes of tensors that its calls allocated and that are alive between the passes, held by the graph
  /// alone: the output and the new states are let go before. x and the parameters were there before
  /// and count 0. Seen are torch's allocators of the CPU and of CUDA (not tried) and the library's own
  /// memory, whose blocks have up to a quarter more than was asked for; other memory is not. None while
  /// a profiler of torch records in this thread. With SummaryOptions::step.
  std::optional<int64_t> kept_bytes = {};
  /// Seconds of a run in test mode without a graph, by a monotonic clock: from the end of the layer that
  /// was seen before it to its end, in the fastest of the runs. With SummaryOptions::time.
  std::optional<double> seconds = {};
  /// Seconds of a training step: of the pass forward as in `seconds`, and of the pass backward from the
  /// gradient of its output to that of the next layer's output. With both options.
  std::optional<double> step_seconds = {};
};

/// The table that `summary` makes.
struct LUXTORCH_API Summary {
  std::vector<SummaryRow> rows;            ///< the model, then its layers, depth first
  int64_t parameters = 0;                  ///< elements of all parameters
  int64_t trainable = 0;                   ///< of these, the floating ones that are not frozen
  int64_t states = 0;                      ///< elements of all states
  int64_t bytes = 0;                       ///< of both
  int64_t flops = 0;                       ///< of all rows
  std::optional<int64_t> step_flops = {};  ///< of all rows
  /// Of a run that nobody watches, in which Dense layers in a row are one operator: the rows, whose
  /// layers are called one by one, may have another sum.
  std::optional<int64_t> kept_bytes = {};
  std::optional<double> seconds = {};  ///< of the fastest run that nobody watches
  /// The same of a training step, by torch's engine, without a loss and an optimizer.
  std::optional<double> step_seconds = {};

  /// The printed table as one HTML element, a `table`, with all texts escaped; numbers are right-aligned by
  /// style attributes, and nothing else is needed.
  std::string to_html() const;
  /// JSON: {"rows": [{"path", "layer", "output", "dtype", "output_dtype", "parameters", "trainable",
  /// "states", "bytes", "flops", "step_flops", "kept_bytes", "seconds", "step_seconds"}, ...],
  /// "totals": {...}}, the members of this class by their names; null for what was not measured.
  std::string to_json() const;
  /// Prints the table: numbers in groups of three, times in milliseconds. Columns that say nothing are
  /// left out: dtype where everything is float32, trainable where nothing is frozen, and what was not
  /// measured.
  friend LUXTORCH_API std::ostream& operator<<(std::ostream& out, const Summary& s);
};

namespace detail {

// While a summary runs the model, layers report their outputs here. One relaxed load per call
// otherwise.
extern LUXTORCH_API std::atomic<int> observers;
inline bool is_observed() { return observers.load(std::memory_order_relaxed) != 0; }
LUXTORCH_API void observe(const void* layer, const std::type_info& type, const Tree& y);
template <class L, class Y>
void report(const L& l, const Y& y) {
  if (!is_observed()) [[likely]]
    return;
  if constexpr (std::same_as<Y, Step>) {
    observe(&l, typeid(L), y.y);
  } else {
    observe(&l, typeid(L), to_tree(y));
  }
}
// What ran since the last report is the layer's, though a layer inside it comes before its end. y is what
// it computed. For layers that are observed.
LUXTORCH_API void observe_part(const void* layer, const std::type_info& type, const Tree& y);
template <class L>
void report_part(const L& l, const Tensor& y) {
  observe_part(&l, typeid(L), y);
}

// run(ps, st): calls the model with them and reports its output, which it returns.
LUXTORCH_API Summary summarize(const Description& d, const Tree& ps, const Tree& st,
                               const SummaryOptions& options,
                               const std::function<Tree(const Tree& ps, const Tree& st)>& run);

}  // namespace detail

}  // namespace luxtorch
