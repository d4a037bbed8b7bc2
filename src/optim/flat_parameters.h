// Parameters and their optimiser's moments in a few flat arrays, so that an update is one pass over
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
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "luxtorch/tree.h"
#include "optim/layout.h"
#include "optim/optim_rules.h"

namespace luxtorch::detail {

struct Slice;

class FlatParameters {
 public:
  FlatParameters(const Tree& ps, Program program);

  const Layout& layout() const { return *layout_; }
  const std::shared_ptr<const Layout>& shared_layout() const { return layout_; }
  const Program& program() const { return program_; }
  /// The same rules with other numbers.
  void set_program_(Program program) { program_ = std::move(program); }

  /// Fresh aliases of the arrays: each counts as a holder.
  Tree parameters() const;
  Tensor parameter(size_t array) const { return layout_->view(x_, array); }
  Tree state() const;
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
  /// Both with what rules that accumulate hold back, as Optimizer::flush.
  void flush_();
  Tree flushed_();

  /// The gradients of what is not frozen; a parameter at two places has the sum at both.
  Tree trained_gradients(const Tree& grads) const;

  /// Arrays (of the layout) whose gradients are ignored.
  std::vector<char> frozen;

 private:
  using Flat = std::vector<Tensor>;  // one per group
  Flat blank() const;                // zeros for parameters
  Flat fresh(double value) const;    // moments
  Flat unset() const;                // directions
  void make_own_(Flat& flat);
  void check_tied(const char* who, const Tree& t, size_t array) const;
  std::vector<Tensor> gather(const Tree& grads) const;
  std::vector<Slice> make_slices(const std::vector<Tensor>& gradients,
                                 const Flat& directions) const;
  std::vector<char> run_(const std::vector<Tensor>& gradients, bool apply, const Flat& directions,
                         size_t first = 0);
  std::vector<char> flush_rules_(bool apply, const Flat& directions);
  Tree tree_of(const Flat& directions, const std::vector<char>& moved) const;

  std::shared_ptr<const Layout> layout_;
  Program program_;
  Flat x_;
  std::vector<Flat> slots_;                   // by slot of the program
  std::vector<std::vector<int64_t>> counts_;  // by rule, by array
};

}  // namespace luxtorch::detail
