// What a training step of several processes sends beside the gradients, and what it makes of the answer.
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "luxtorch/group.h"
#include "luxtorch/tree.h"

namespace luxtorch::detail {

/// Calls f. What it throws, other than a DistributedError, is told to the other processes.
template <class F>
void telling_others(const Group& group, const F& f) {
  try {
    f();
  } catch (const DistributedError&) {
    throw;
  } catch (const std::exception& error) {
    group.fail_(error.what());
    throw;
  } catch (...) {
    group.fail_("an exception that is no std::exception");
    throw;
  }
}

/// How much a process' part of a batch counts.
struct StepWeight {
  double loss = 1;  ///< Of its loss and gradients.
  double rows = 1;  ///< Of its states' changes.
};

/// The states that the model of one process sees: each key is another one than the others see.
Tree own_keys(const Tree& states, const Group& group);
/// The states after a step of several processes: every process has the same keys.
Tree next_keys(const Tree& before, const Tree& after);

/// The tail of a step's message: loss, the two weights, and the changes of the states' numbers. States are the sum of
/// what they were and the mean of the changes, so that what a step does not change keeps its bits.
class StepTail {
 public:
  /// states: before the step. usual: those of the model's structure, which are averaged. What has another shape, a carry
  /// for example, is each process' own: its rows are other ones.
  StepTail(const Tree& states, const Tree& usual);
  /// Its size, the same on all processes.
  int64_t numel() const { return numel_; }
  /// The states of this process after the step; those before it where its part has no weight.
  void set_after_(const Tree& states);
  /// Writes a part's numbers.
  void write_(const Tensor& tail, const Tensor& loss, StepWeight weight) const;

  /// Reads the sum over all processes. states: those of the whole batch.
  struct Sums {
    double loss_weight;
    Tensor loss;  // 0-dim, divided by the weight
    Tree states;
  };
  Sums read(const Tensor& tail) const;

 private:
  // Of the states that are averaged, by path: where each is among all leaves, if it has numbers of its usual shape.
  struct States {
    Tree all;
    std::vector<Tree> leaves;
    std::vector<std::optional<size_t>> places;
  };
  States states_of(const Tree& all) const;

  std::vector<std::string> paths_;
  std::vector<Tensor> usual_;  // for the shapes
  States before_, after_;
  int64_t numel_ = 3;
};

}  // namespace luxtorch::detail
