// Averages of the parameters along a training, for validation and use: Ema, an exponential moving
// average, and Swa, the mean.
//
//     Ema ema(0.999, ts);
//     for (int step = 0; step < 1000; ++step) {
//       single_train_step_(objective, batch, ts);
//       ema.update_(ts);
//     }
//     predict(model, x, ema.parameters(), ema.states());
//
// A checkpoint keeps one in CheckpointExtras::ema: run.save(ts, {.ema = ema.state()}), and
// ema.set_state_(checkpoint.ema) goes on bit for bit.
#pragma once

#include <cstdint>
#include <memory>

#include "luxtorch/core/api.h"
#include "luxtorch/train/train_state.h"

namespace luxtorch {

namespace detail {
struct AverageRule;
}

/// What Ema and Swa share: an average of trees of parameters.
///
/// It is a value: copies and the trees that it returns stay as they are when it is updated. The
/// average is kept in float32 for parameters of narrower dtypes, else in their dtype, and has no
/// graph. A tensor at several places (ties.h) is averaged once and stays at all of them. Leaves that
/// are no floating-point tensors are those of the last update.
class LUXTORCH_API AveragedParameters {
 public:
  /// Takes ps into the average. The states stay. TreeError, ShapeError: ps does not have the
  /// structure and shapes of the first parameters. ArgumentError: a tensor of a function that is
  /// being differentiated or transformed. After an error nothing has changed.
  void update_(const Tree& ps);
  /// The same of ts' parameters; its states, such as running statistics, become states().
  void update_(const TrainState& ts);

  /// The average, in the structure and dtypes of the first parameters. ArgumentError: debiased, and
  /// before the first update.
  Tree parameters() const;
  /// The model's states at the last update of a TrainState; nothing where there was none.
  const Tree& states() const;
  /// The number of updates, without the first copy.
  int64_t updates() const;

  /// All that is needed to go on, for a checkpoint: its kind, updates, average and states.
  Tree state() const;
  /// Goes on from what state() gave. Tensors are copied to where they are here. TreeError,
  /// ShapeError: it is of another kind of average or of other parameters. After an error nothing
  /// has changed.
  void set_state_(const Tree& state);

 protected:
  /// For Ema and Swa.
  AveragedParameters(const detail::AverageRule& rule, const Tree& ps, Tree st);

 private:
  struct Storage;
  Storage& own_();  // the storage, of this average alone

  std::shared_ptr<Storage> storage_;
};

/// The options of Ema.
struct EmaOptions {
  /// False: the average starts from the first parameters, as torch.optim.swa_utils'. True: from
  /// zeros, and is divided by 1 - decay^updates, as optax' (Kingma and Ba 2015); the first
  /// parameters give structure and dtypes alone.
  bool debias = false;
};

/// An exponential moving average: e = decay e + (1 - decay) ps at each update (Polyak and Juditsky
/// 1992).
class LUXTORCH_API Ema : public AveragedParameters {
 public:
  /// From the parameters ps. ArgumentError: a decay outside [0, 1). UnsupportedError: complex or
  /// sparse parameters.
  Ema(double decay, const Tree& ps, EmaOptions options = {});
  /// From ts' parameters and states.
  Ema(double decay, const TrainState& ts, EmaOptions options = {});
};

/// Stochastic weight averaging (Izmailov et al. 2018): the mean of the first parameters and of those
/// of all updates, each of which counts alike. Begin it late in a training, and update it once per
/// epoch. A model with running statistics needs new ones, from a pass over the data in train mode.
class LUXTORCH_API Swa : public AveragedParameters {
 public:
  /// From the parameters ps. UnsupportedError: complex or sparse parameters.
  explicit Swa(const Tree& ps);
  /// From ts' parameters and states.
  explicit Swa(const TrainState& ts);
};

}  // namespace luxtorch
