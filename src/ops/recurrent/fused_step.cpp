#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/graph_task.h>

#include <map>
#include <memory>
#include <mutex>

#include "autograd_node.h"
#include "ops/recurrent/fused.h"
#include "ops/recurrent/kernels.h"

namespace luxtorch::ops {

namespace {

using detail::refuse_changed, detail::refuse_second_pass, detail::version_of;
using torch::autograd::Node;
using Tensors = torch::autograd::variable_list;
constexpr std::array<const Tensor CellWeights::*, 4> kWeights{
    &CellWeights::weight_ih, &CellWeights::weight_hh, &CellWeights::bias_ih, &CellWeights::bias_hh};
// A node's edges: to what made x, h and c, and from the first step to the weights.
constexpr size_t kFirstWeight = 3;

class StepRecord {
 public:
  explicit StepRecord(const RecurrentCall& in)
      : batch_(in.x.size(0)),
        dimensions_(in.x.dim()),
        weights_(in.w),
        dense_(dense_call(in)),
        prepared_(prepare_forward(dense_)) {
    for (size_t i = 0; i < kWeights.size(); ++i) versions_[i] = version_of(in.w.*kWeights[i]);
    dense_.x = dense_.h = dense_.c = Tensor();
  }

  // Whether a step continues this one's sequence: the same weights, unchanged, and the same shape.
  bool goes_on(const RecurrentCall& in) const {
    if (in.cell != dense_.cell || in.x.size(0) != batch_ || in.x.dim() != dimensions_) return false;
    for (size_t i = 0; i < kWeights.size(); ++i) {
      const Tensor& now = in.w.*kWeights[i];
      if (!now.is_same(weights_.*kWeights[i]) || version_of(now) != versions_[i]) return false;
    }
    return true;
  }

  // What the kernels are given, beside this record's weights.
  RecurrentCall with(const Tensor& x, const Tensor& h, const Tensor& c) const {
    return {.cell = dense_.cell, .x = x, .h = h, .c = c, .w = dense_.w, .step = true};
  }
  void check_weights() const {
    for (size_t i = 0; i < kWeights.size(); ++i) {
      if (version_of(weights_.*kWeights[i]) != versions_[i])
        refuse_changed("a weight of a recurrent step");
    }
  }
  Tensor packed_for_backward(const RecurrentCall& in, bool by_x) {
    const std::lock_guard lock(mutex_);
    if (!packed_.defined() || (by_x && !packed_by_x_)) {
      packed_ = prepare_backward(in, prepared_.layout, by_x);
      packed_by_x_ = by_x;
    }
    return packed_;
  }

  // Sums of the weights' gradient over the steps of one pass backward, which run one after the other:
  // those of the kernels or, with a graph, what was added up as it came.
  struct Sums {
    Tensor of_kernels;
    std::array<Tensor, 4> with_graph;
  };
  Sums& sums() {
    const std::lock_guard lock(mutex_);
    return sums_[torch::autograd::get_current_graph_task_id()];
  }
  // At the end of the pass.
  Sums take_sums() {
    const std::lock_guard lock(mutex_);
    auto found = sums_.extract(torch::autograd::get_current_graph_task_id());
    return found.empty() ? Sums() : std::move(found.mapped());
  }

  const CellWeights& weights() const { return weights_; }
  const PreparedForward& prepared() const { return prepared_; }

  Node* first = nullptr;  // alive as long as any of its followers

 private:
  int64_t batch_, dimensions_;  // of x
  CellWeights weights_;
  std::array<uint32_t, 4> versions_{};
  RecurrentCall dense_;
  PreparedForward prepared_;
  std::mutex mutex_;
  Tensor packed_;
  bool packed_by_x_ = false;
  std::map<int, Sums> sums_;  // by graph task
};

class StepNode : public Node {
 public:
  StepNode(std::shared_ptr<StepRecord> record, const RecurrentCall& in, Tensor saved)
      : record_(std::move(record)),
        x_(in.x),
        h_(in.h),
        c_(in.c),
        saved_(std::move(saved)),
        x_version_(version_of(in.x)),
        h_version_(version_of(in.h)),
        c_version_(version_of(in.c)) {}

  const std::shared_ptr<StepRecord>& record() const { return record_; }
  std::string name() const override { return "luxtorch::RecurrentStep"; }

  void release_variables() override {
    const std::lock_guard lock(mutex_);
    x_ = h_ = c_ = saved_ = Tensor();
    released_ = true;
  }

  Tensors apply(Tensors&& by_outputs) override {
    const auto [x, h, c, saved] = variables();
    if (version_of(x) != x_version_) refuse_changed("x of a recurrent step");
    record_->check_weights();
    const SequenceOutput by{{}, by_outputs[0], by_outputs.size() > 1 ? by_outputs[1] : Tensor()};
    Tensors all(is_first() ? kFirstWeight + kWeights.size() : kFirstWeight);
    if (by.h.defined() || by.c.defined()) {
      if (needs_reference(by))
        by_reference(x, h, c, by, all);
      else
        by_kernels(x, h, c, saved, by, all);
    }
    if (is_first()) hand_on(x, h, c, all);
    return all;
  }

 private:
  bool is_first() const { return record_->first == this; }

  std::array<Tensor, 4> variables() {
    const std::lock_guard lock(mutex_);
    if (released_) refuse_second_pass("a recurrent step");
    return {x_, h_, c_, saved_};
  }

  // The weights are asked of the first step, which is reached through this one.
  bool weights_wanted() const {
    for (size_t i = kFirstWeight; i < record_->first->num_outputs(); ++i) {
      if (record_->first->task_should_compute_output(i)) return true;
    }
    return false;
  }

  void by_kernels(const Tensor& x, const Tensor& h, const Tensor& c, const Tensor& saved,
                  const SequenceOutput& by, Tensors& all) {
    const auto in = dense_call(record_->with(x, h, c));
    const auto& layout = record_->prepared().layout;
    Tensor sums;
    if (weights_wanted()) {
      auto& of_pass = record_->sums().of_kernels;
      if (!of_pass.defined()) of_pass = zero_sums(in, layout);
      sums = of_pass;
    }
    const bool by_x = task_should_compute_output(0);
    auto found = run_backward(in, layout,
                              {saved, record_->packed_for_backward(in, by_x), by, by_x,
                               task_should_compute_output(1), task_should_compute_output(2), sums});
    std::move(found.begin(), found.end(), all.begin());
  }

  void by_reference(const Tensor& x, const Tensor& h, const Tensor& c, const SequenceOutput& by,
                    Tensors& all) {
    if (version_of(h) != h_version_ || version_of(c) != c_version_)
      refuse_changed("the carry of a recurrent step");
    auto in = record_->with(x, h, c);
    in.w = record_->weights();
    auto found = gradients_with_graph(std::move(in), by);
    std::move(found.begin(), found.begin() + kFirstWeight, all.begin());
    if (!weights_wanted()) return;
    auto& sums = record_->sums().with_graph;
    for (size_t i = 0; i < sums.size(); ++i) {
      Tensor& more = found[kFirstWeight + i];
      if (more.defined()) sums[i] = sums[i].defined() ? sums[i].add(more) : std::move(more);
    }
  }

  void hand_on(const Tensor& x, const Tensor& h, const Tensor& c, Tensors& all) {
    auto [of_kernels, by_weights] = record_->take_sums();
    if (of_kernels.defined()) {
      auto more = weight_gradients(record_->with(x, h, c), record_->prepared().layout, of_kernels);
      // Both where some of a pass' gradients are batched by vmap and some are not.
      for (size_t i = 0; i < more.size(); ++i)
        by_weights[i] = by_weights[i].defined() ? by_weights[i].add(more[i]) : std::move(more[i]);
    }
    std::move(by_weights.begin(), by_weights.end(), all.begin() + kFirstWeight);
  }

  std::shared_ptr<StepRecord> record_;
  std::mutex mutex_;
  Tensor x_, h_, c_, saved_;
  uint32_t x_version_, h_version_, c_version_;
  bool released_ = false;
};

// The record of the sequence that a carry belongs to, if this step goes on with it.
std::shared_ptr<StepRecord> record_of(const RecurrentCall& in) {
  for (const Tensor* t : {&in.h, &in.c}) {
    if (!t->defined() || !t->requires_grad()) continue;
    if (auto* node = dynamic_cast<StepNode*>(t->grad_fn().get());
        node && node->record()->goes_on(in)) {
      return node->record();
    }
  }
  return nullptr;
}

}  // namespace

SequenceOutput fused_step(const RecurrentCall& in) {
  auto record = record_of(in);
  const bool first = !record;
  if (first) record = std::make_shared<StepRecord>(in);
  auto run = run_forward(dense_call(record->with(in.x, in.h, in.c)), record->prepared(),
                         /*keep=*/true);
  auto node = detail::make_node<StepNode>(record, in, std::move(run.saved));
  if (first) {
    record->first = node.get();
    node->set_next_edges(torch::autograd::collect_next_edges(
        in.x, in.h, in.c, in.w.weight_ih, in.w.weight_hh, in.w.bias_ih, in.w.bias_hh));
  } else {
    node->set_next_edges(torch::autograd::collect_next_edges(in.x, in.h, in.c));
  }
  torch::autograd::create_gradient_edge(run.out.h, node);
  if (run.out.c.defined()) torch::autograd::create_gradient_edge(run.out.c, node);
  return run.out;
}

}  // namespace luxtorch::ops
