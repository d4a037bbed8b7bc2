// A recurrent layer's whole sequence on the CPU, forward and backward, on raw pointers.
//
// Level 1, called by ops/recurrent.h. The batch is cut into groups of rows; a group is run through all
// its steps by one thread, no thread waits for another. A batch too small for that is one group, of
// which each thread of a team runs its own hidden units, with a barrier between steps.
//
// What backward needs is saved as groups of rows too, `padded` being out rounded up to whole vectors:
// h of every step and one before the first; for the LSTM c likewise and its four gates; for the GRU
// three gates and W_hn h + b_hn. A row and step thus take
//
//     RNN padded, GRU 5 padded, LSTM 6 padded elements.
//
// Vectors: Google Highway, by the processor at run time. T: float or double.
#pragma once

#include <cstdint>
#include <vector>

namespace luxtorch::kernels {

enum class RecurrentCell { rnn_tanh, rnn_relu, lstm, gru };

constexpr int64_t gates_of(RecurrentCell cell) {
  return cell == RecurrentCell::lstm ? 4 : cell == RecurrentCell::gru ? 3 : 1;
}

/// Whether it has c beside h.
constexpr bool has_memory(RecurrentCell cell) { return cell == RecurrentCell::lstm; }

/// A call. Weights, biases and states are contiguous, with the shapes of ops::CellWeights; biases may
/// be nullptr, c is for the LSTM alone.
template <class T>
struct RecurrentCall {
  RecurrentCell cell = RecurrentCell::lstm;
  int64_t batch = 0, time = 0, in = 0, out = 0;
  bool reverse = false;
  const T* x = nullptr;             // x[b * x_batch + t * x_time + i], or
  const int64_t* tokens = nullptr;  // tokens[b * x_batch + t * x_time]
  int64_t x_batch = 0, x_time = 0;
  const int64_t* lengths = nullptr;  // of each row, or nullptr for time
  const T *weight_ih = nullptr, *weight_hh = nullptr, *bias_ih = nullptr, *bias_hh = nullptr;
  const T *h = nullptr, *c = nullptr;  // what the sequence starts from
};

/// How a call is cut into groups and vectors; the same for its forward and its backward.
struct RecurrentLayout {
  int64_t lanes;  // of a vector
  int64_t units;  // vectors of hidden units in a panel of weights
  int64_t panels;
  int64_t width;               // columns of a panel: gates * units * lanes
  int64_t padded;              // panels * units * lanes
  int64_t h_stride;            // between two rows of h
  int64_t saved_gates;         // vectors saved for a unit
  bool memory;                 // c too
  int64_t rows, groups;        // rows of a group; the last may have fewer
  int64_t slices;              // of the groups, a thread's work; each has sums of its own
  int64_t team;                // threads that share one group, or 1
  std::vector<int64_t> order;  // rows from the longest to the shortest; empty: as they are

  /// Of slice i; that of slice i + 1 is its end.
  int64_t first_group(int64_t i) const { return groups * i / slices; }
  /// The row of the batch that is row r of group g.
  int64_t row(int64_t g, int64_t r) const {
    if (order.empty()) return g * rows + r;
    return order[r * groups + g];
  }
  int64_t rows_of(int64_t g, int64_t batch) const {
    if (order.empty()) return g + 1 < groups ? rows : batch - g * rows;
    return (batch - g + groups - 1) / groups;
  }
};

/// Threads that run one group together.
struct RecurrentTeam {
  int64_t rank = 0, size = 1;
  void (*wait)(void*) = nullptr;  // until all are here
  void* barrier = nullptr;

  void meet() const {
    if (size > 1) wait(barrier);
  }
};

template <class T>
RecurrentLayout recurrent_layout(const RecurrentCall<T>& call, int64_t threads);

/// Elements of what forward saves of all groups.
template <class T>
int64_t recurrent_saved_size(const RecurrentCall<T>& call, const RecurrentLayout& layout);

/// Weights in the order in which forward reads them.
template <class T>
struct PackedWeights {
  T *ih, *hh, *bias;
};
template <class T>
int64_t packed_weights_size(const RecurrentCall<T>& call, const RecurrentLayout& layout);
/// Panels first to last - 1.
template <class T>
PackedWeights<T> pack_weights(const RecurrentCall<T>& call, const RecurrentLayout& layout,
                              T* buffer, int64_t first, int64_t last);

template <class T>
struct RecurrentOutput {
  T* y = nullptr;  // y[b * y_batch + t * y_time + j], or nullptr; beyond a length untouched
  int64_t y_batch = 0, y_time = 0;
  T *h = nullptr, *c = nullptr;  // after the last step, contiguous
  T* saved = nullptr;            // for backward, or nullptr
};
/// Elements that one thread, or a team, needs as scratch.
template <class T>
int64_t forward_scratch_size(const RecurrentCall<T>& call, const RecurrentLayout& layout,
                             bool saves);
/// Runs group g.
template <class T>
void recurrent_forward(const RecurrentCall<T>& call, const RecurrentLayout& layout,
                       const PackedWeights<T>& weights, const RecurrentOutput<T>& out, int64_t g,
                       T* scratch, const RecurrentTeam& team);

/// One step (call.time is 1, no lengths, nothing saved) from the weights as they lie, whole batch: of a
/// few rows it takes less time than packing. scratch: single_step_scratch_size elements.
template <class T>
int64_t single_step_scratch_size(const RecurrentCall<T>& call);
template <class T>
void recurrent_single_step(const RecurrentCall<T>& call, const RecurrentOutput<T>& out, T* scratch);

/// Gradients by outputs (nullptr: zero) and, where wanted, by inputs.
template <class T>
struct RecurrentGradients {
  const T* y = nullptr;
  int64_t y_batch = 0, y_time = 0;
  const T *h_out = nullptr, *c_out = nullptr;  // contiguous
  T* x = nullptr;                              // beyond a length untouched
  int64_t x_batch = 0, x_time = 0;
  T *h = nullptr, *c = nullptr;  // contiguous
  bool weights = true;           // add to the accumulators
};
template <class T>
struct PackedForBackward {
  T *ih, *hh;
};
template <class T>
int64_t packed_for_backward_size(const RecurrentCall<T>& call, const RecurrentLayout& layout,
                                 bool by_x);
template <class T>
PackedForBackward<T> pack_for_backward(const RecurrentCall<T>& call, const RecurrentLayout& layout,
                                       bool by_x, T* buffer, int64_t first, int64_t last);
/// Elements of one slice's accumulators of the weights' gradient, to be zeroed before the first group.
template <class T>
int64_t accumulators_size(const RecurrentCall<T>& call, const RecurrentLayout& layout);
template <class T>
int64_t backward_scratch_size(const RecurrentCall<T>& call, const RecurrentLayout& layout);
template <class T>
void recurrent_backward(const RecurrentCall<T>& call, const RecurrentLayout& layout,
                        const PackedForBackward<T>& weights, const T* saved,
                        const RecurrentGradients<T>& gradients, int64_t g, T* accumulators,
                        T* scratch, const RecurrentTeam& team);

/// Where the accumulators of all slices go, summed in their order (and used up); biases may be nullptr.
template <class T>
struct WeightGradients {
  T *weight_ih = nullptr, *weight_hh = nullptr, *bias_ih = nullptr, *bias_hh = nullptr;
};
template <class T>
void sum_accumulators(const RecurrentCall<T>& call, const RecurrentLayout& layout, T* accumulators,
                      int64_t stride, int64_t count, const WeightGradients<T>& gradients,
                      int64_t first, int64_t last);

/// The vectors in use, for instance "AVX3".
const char* vector_target();
/// A vector target that the kernels are compiled for.
struct VectorTarget {
  const char* name;
  bool supported;  ///< by this processor
};
/// All of them, the best first: vector_target() is the first that is supported.
std::vector<VectorTarget> vector_targets();

}  // namespace luxtorch::kernels
