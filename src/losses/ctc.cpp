#include "luxtorch/losses/ctc.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_ctc_loss.h>
#include <ATen/ops/_ctc_loss_backward.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <limits>

#include "losses/loss_terms.h"
#include "ops/half_precision.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch {

namespace {

constexpr auto kWho = "CTCLoss";
// The log-probability of what cannot be; infinity would give NaN in gradients.
constexpr double kNever = -1e30;

struct Sequences {
  Tensor labels;                  // (batch, longest) int64, the blank beyond the lengths
  Tensor lengths, label_lengths;  // (batch) int64
  int64_t blank;
};

std::vector<int64_t> numbers(const Tensor& t) {
  const Tensor here = transforms::underlying(t).cpu().contiguous();
  return {here.const_data_ptr<int64_t>(), here.const_data_ptr<int64_t>() + here.numel()};
}

void check_integers(const char* name, const Tensor& t, const Tensor& y_hat, const char* shape,
                    bool fits) {
  if (fits && c10::isIntegralType(t.scalar_type(), /*includeBool=*/false) &&
      t.device() == y_hat.device())
    return;
  throw ShapeError(kWho, fmt::format("expected {} of integers {} on {}, got {}.", name, shape,
                                     y_hat.device().str(), describe_kind(t)));
}

void check_range(const char* name, const Tensor& values, int64_t low, int64_t high) {
  for (const int64_t n : numbers(values)) {
    if (n < low || n > high) {
      throw ArgumentError(kWho,
                          fmt::format("expected {} from {} to {}, got {}.", name, low, high, n));
    }
  }
}

Sequences checked(const CTCLoss& loss, const Tensor& y_hat, const Tensor& y, const Tensor& lengths,
                  const Tensor& label_lengths) {
  detail::check_output(kWho, y_hat, y, loss.agg);
  if (y_hat.dim() != 3) {
    throw ShapeError(
        kWho, "expected y_hat (time, batch, classes), got " + shape_text(y_hat.sizes()) + ".");
  }
  const int64_t time = y_hat.size(0), batch = y_hat.size(1), classes = y_hat.size(2);
  auto one_each = [&](const Tensor& t) {
    return t.defined() && t.dim() == 1 && t.size(0) == batch;
  };
  check_integers("labels y", y, y_hat, "(batch, longest)", y.dim() == 2 && y.size(0) == batch);
  check_integers("lengths", lengths, y_hat, "(batch)", one_each(lengths));
  check_integers("label_lengths", label_lengths, y_hat, "(batch)", one_each(label_lengths));
  if (loss.blank < 0 || loss.blank >= classes) {
    throw ArgumentError(kWho,
                        fmt::format("expected blank in [0, {}), got {}.", classes, loss.blank));
  }
  Sequences s{y.to(kInt64), lengths.to(kInt64), label_lengths.to(kInt64), loss.blank};
  const transforms::Outside outside;
  check_range("lengths", s.lengths, 1, time);
  check_range("label_lengths", s.label_lengths, 0, y.size(1));
  return s;
}

// The labels, with the blank beyond the lengths.
void check_labels_(Sequences& s, int64_t classes) {
  const Tensor place = at::arange(s.labels.size(1), s.labels.options());
  const Tensor used = place.lt(s.label_lengths.unsqueeze(-1));
  const Tensor wrong =
      s.labels.lt(0).logical_or(s.labels.ge(classes)).logical_or(s.labels.eq(s.blank));
  const Tensor faults = transforms::underlying(wrong.logical_and(used));
  const Tensor labels = transforms::underlying(s.labels);
  {
    const transforms::Outside outside;
    if (faults.any().item<bool>()) {
      throw ArgumentError(
          kWho, fmt::format("expected labels in [0, {}) without the blank {}, got {}.", classes,
                            s.blank, labels.masked_select(faults)[0].item<int64_t>()));
    }
  }
  s.labels = at::where(used, s.labels, s.blank);
}

// x (batch, states) moved by n states, with kNever in front.
Tensor moved(const Tensor& x, int64_t n) {
  const Tensor front = at::full_like(x.narrow(-1, 0, n), kNever);
  return at::cat({front, x.narrow(-1, 0, x.size(-1) - n)}, -1);
}

// -log P (batch) in operators that differentiate to every order. States: blank, label, blank, ..., blank.
Tensor plain(const Tensor& log_p, const Sequences& s) {
  const Tensor blanks = at::full_like(s.labels, s.blank);
  const Tensor states = at::cat({at::stack({blanks, s.labels}, -1).flatten(-2),
                                 at::full_like(s.label_lengths, s.blank).unsqueeze(-1)},
                                -1);
  const int64_t n = states.size(-1);
  const Tensor place = at::arange(n, states.options());
  // A label may follow another label without a blank between them.
  Tensor jumps;
  if (n > 2) {
    const Tensor before =
        at::cat({at::full_like(states.narrow(-1, 0, 2), s.blank), states.narrow(-1, 0, n - 2)}, -1);
    jumps = states.ne(s.blank).logical_and(states.ne(before));
  }
  auto emitted = [&](int64_t t) { return log_p[t].gather(-1, states); };
  Tensor alpha = at::where(place.lt(2), emitted(0), kNever);
  for (int64_t t = 1; t < log_p.size(0); ++t) {
    std::vector<Tensor> from;
    from.reserve(3);
    from.push_back(alpha);
    if (n > 1) from.push_back(moved(alpha, 1));
    if (n > 2) from.push_back(at::where(jumps, moved(alpha, 2), kNever));
    const Tensor next = at::logsumexp(at::stack(from, -1), -1).add(emitted(t));
    alpha = at::where(s.lengths.gt(t).unsqueeze(-1), next, alpha);
  }
  const Tensor last = s.label_lengths.mul(2).unsqueeze(-1);
  const Tensor ends = place.eq(last).logical_or(place.eq(last.sub(1)));
  const Tensor loss = at::logsumexp(at::where(ends, alpha, kNever), -1).neg();
  return at::where(loss.gt(-0.5 * kNever), std::numeric_limits<double>::infinity(), loss);
}

struct CTCFunction : torch::autograd::Function<CTCFunction> {
  using Context = torch::autograd::AutogradContext;
  using Tensors = torch::autograd::variable_list;

  static Tensor forward(Context* context, const Tensor& log_p, const Sequences& s,
                        bool zero_infinity) {
    auto [losses, log_alpha] = at::_ctc_loss(log_p, s.labels, numbers(s.lengths),
                                             numbers(s.label_lengths), s.blank, zero_infinity);
    context->save_for_backward({log_p, s.labels, s.lengths, s.label_lengths, losses, log_alpha});
    context->saved_data["blank"] = s.blank;
    return losses.clone();
  }

  static Tensors backward(Context* context, Tensors by_losses) {
    const auto saved = context->get_saved_variables();
    const Sequences s{saved[1], saved[2], saved[3], context->saved_data["blank"].toInt()};
    const Tensor& log_p = saved[0];
    Tensor by_log_p;
    if (at::GradMode::is_enabled()) {
      by_log_p = torch::autograd::grad({plain(log_p, s)}, {log_p}, {by_losses[0]},
                                       /*retain_graph=*/true, /*create_graph=*/true)[0];
    } else {
      by_log_p = at::_ctc_loss_backward(by_losses[0].contiguous(), log_p, s.labels,
                                        numbers(s.lengths), numbers(s.label_lengths), saved[4],
                                        saved[5], s.blank, /*zero_infinity=*/true);
    }
    return {by_log_p, Tensor(), Tensor()};
  }
};

}  // namespace

Tensor CTCLoss::operator()(const Tensor& y_hat, const Tensor& y, const Tensor& lengths,
                           const Tensor& label_lengths) const {
  Sequences s = checked(*this, y_hat, y, lengths, label_lengths);
  check_labels_(s, y_hat.size(2));
  // torch computes it in float32 and float64.
  const Dtype dtype = y_hat.scalar_type();
  const Tensor log_p = at::log_softmax(y_hat, -1, ops::sum_dtype(dtype));
  Tensor losses;
  if (y_hat.size(1) == 0) {
    losses = log_p.sum({0, 2});  // of no sequences
  } else {
    losses = transforms::active() ? plain(log_p, s) : CTCFunction::apply(log_p, s, zero_infinity);
  }
  if (zero_infinity) losses = losses.masked_fill(losses.isinf(), 0);
  if (agg.kind() == Agg::mean)
    return losses.div(s.label_lengths.clamp_min(1).to(losses.scalar_type())).mean().to(dtype);
  return agg(losses.to(dtype));
}

}  // namespace luxtorch
