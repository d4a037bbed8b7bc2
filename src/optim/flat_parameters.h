// Parameters and their optimizer's state in a few flat arrays, so that an update is one pass over
// memory.
//
//     FlatParameters flat(ps, program);        // copies ps
//     flat.step_(grads);                       // writes only where nobody else looks
//     Tree now = flat.parameters();            // views of the arrays, without a copy
//
// Level 4: what stands behind Optimizer::update and TrainState. One array per dtype and device (a
// group), each parameter at a multiple of 64 bytes. Copies share the arrays. step_ first clones an
// array if a copy, or a tensor that came from parameters() or state(), or a graph over one, still
// holds it: the use counts of the array's tensor and storage tell. So what was handed out never
// changes, and a loop that keeps nothing copies nothing.
//
// With a Shard of several processes the moments are those of the own part alone, a step moves the own
// part of the parameters, and sends it to all.
//
// A user's own optimizer gets views as well, and the same rule holds for them: what its state, or
// the directions that it returns, still look at is not written to (flat_own_stage.cpp).
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "luxtorch/tree.h"
#include "optim/layout.h"
#include "optim/optim_slices.h"
#include "optim/program.h"
#include "optim/shard.h"

namespace luxtorch::detail {

/// Thrown by a FlatParameters that follows graphs where a user's own optimizer gives one.
struct GraphFound {};

class FlatParameters {
 public:
  /// With a new state.
  FlatParameters(const Tree& ps, Program program, Shard shard = {});
  /// With that state, to go on from it. Where the caller records graphs, a user's own optimizer
  /// runs as the caller would run it, and GraphFound is thrown where what it gives has one.
  FlatParameters(const Tree& ps, Program program, const Tree& state);

  const Layout& layout() const { return *layout_; }
  const std::shared_ptr<const Layout>& shared_layout() const { return layout_; }
  const Program& program() const { return program_; }
  /// The same stages with other numbers.
  void set_program_(Program program) { program_ = std::move(program); }

  /// Fresh aliases of the arrays: each counts as a holder.
  Tree parameters() const;
  Tensor parameter(size_t array) const { return layout_->view(x_, array); }
  Tree state() const;
  /// The state for a process that wants it; of parts all processes must ask.
  Tree state(bool wanted) const;
  /// The state with moments of other values, in their shapes and dtypes: no process needs another one for it.
  Tree state_like() const;
  const Shard& shard() const { return shard_; }
  /// Values of the same structure and shapes; dtypes and devices are converted. ArgumentError: what
  /// is one parameter has other values at another place.
  void load_parameters_(const Tree& ps);
  void load_state_(const Tree& state);

  /// One update. grads: ps' structure with nothing where there is no gradient. An error leaves
  /// everything as it was.
  void step_(const Tree& grads) { step_(gather(grads)); }
  /// By array, as Layout says; undefined: no gradient.
  void step_(const std::vector<Tensor>& gradients);
  /// The same without moving the parameters: gives what would be subtracted.
  Tree transform_(const Tree& grads);
  /// As Optimizer::flush.
  void flush_();

  /// The factor that the program's stages want the loss to have in the next step, if one wants it.
  std::optional<double> loss_scale() const;
  /// Of the first rule that has one, at its next update.
  std::optional<double> learning_rate() const;

  /// Arrays (of the layout) whose gradients are ignored.
  std::vector<char> frozen;

 private:
  using Flat = std::vector<Tensor>;  // one per group
  struct State {
    std::vector<Flat> slots;                   // by slot of the program
    std::vector<std::vector<int64_t>> counts;  // by stage, by array
    std::vector<Tree> own;                     // by stage; none for rules
    std::vector<int64_t> steps;                // of the programs that follow schedules
  };

  FlatParameters(const Tree& ps, Program program, Shard shard, const Tree* state);
  Flat blank() const;  // zeros for parameters
  Flat unset() const;  // directions
  template <class Moment>
  Tree state_of(const Moment& moment) const;
  bool covers(size_t stage, size_t array) const {
    return masks_[stage].empty() || masks_[stage][array];
  }
  void make_own_(Flat& flat);
  std::vector<Tensor> gather(const Tree& grads) const;

  Tree run_(const std::vector<Tensor>& gradients, Pass pass);
  void share_();
  void check_usable() const;
  std::vector<int64_t> steps_of(Pass pass);
  std::vector<Slice> make_slices(const std::vector<Tensor>& gradients, Pass pass) const;
  void point_(std::vector<Slice>& slices, const Flat& directions) const;
  Tensor direction_of(const Slice& slice, const Flat& directions) const;
  void run_own_(size_t stage, const OwnOptimizer& own, std::vector<Slice>& slices, Flat& directions,
                Pass pass, bool last);
  std::vector<Tensor> own_result(const std::string& who, const char* what, const Tree& result,
                                 bool any_dtype) const;
  void move_to_(const std::string& who, std::vector<Tensor> next);

  std::shared_ptr<const Layout> layout_;
  Program program_;
  std::vector<Mask> masks_;  // by stage of the program
  Flat x_;
  State state_;
  Shard shard_;
  bool follows_graphs_ = false;
  std::exception_ptr broken_;  // why only some parts of the parameters came
};

}  // namespace luxtorch::detail
