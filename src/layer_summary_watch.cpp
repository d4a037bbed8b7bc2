#include "layer_summary_watch.h"

#include "text.h"

namespace luxtorch::detail {

namespace {

thread_local Watch* watch = nullptr;

std::string output_text(const Tree& y) {
  if (y.is_tensor()) return y.tensor().defined() ? shape_text(y.tensor().sizes()) : "";
  if (y.is_leaf()) return describe_kind(y);
  std::string s = "(";
  bool first = true;
  auto add = [&](const std::string& text) { s += (first ? "" : ", ") + text, first = false; };
  if (y.is_tuple()) {
    for (const auto& e : y.elements()) add(output_text(e));
  } else {
    for (const auto& [name, e] : y.items()) add(name + " = " + output_text(e));
  }
  return s + ")";
}

}  // namespace

std::string dtypes_text(const Tree& t) {
  std::vector<Dtype> seen;
  std::string text;
  for (const Tensor& tensor : tree::tensors(t)) {
    if (!tensor.defined() || std::ranges::count(seen, tensor.scalar_type()) > 0) continue;
    seen.push_back(tensor.scalar_type());
    text += (text.empty() ? "" : ", ") + dtype_text(seen.back());
  }
  return text;
}

Watch::Watch(HeldMemory* memory, bool gradients)
    : memory_(memory), follows_(gradients), before_(std::exchange(watch, this)) {
  ++observers;
}
Watch::~Watch() {
  --observers;
  watch = before_;
}

void Watch::add(const void* layer, const std::type_info& type, const Tree& y, bool whole) {
  const auto end = Clock::now();
  std::vector<const void*> output;
  if (whole)
    for (const Tensor& t : tree::tensors(y)) output.push_back(t.unsafeGetTensorImpl());
  const auto taken = flops.taken();
  const bool again = is_again(layer, type, taken, output);
  last_output_ = std::move(output);
  seen.push_back({layer, &type, whole ? std::optional(output_text(y)) : std::nullopt,
                  dtypes_text(y), taken, end, end, again});
  if (memory_) memory_->begin_part();
  if (follows_) {
    for (const Tensor& t : tree::tensors(y)) follow(t);
  }
  seen.back().next = Clock::now();
}

bool Watch::is_again(const void* layer, const std::type_info& type, const ops::Flops& flops,
                     const std::vector<const void*>& output) const {
  return !output.empty() && output == last_output_ && flops.forward == 0 &&
         seen.back().layer == layer && *seen.back().type == type;
}

// A layer inside another may return the same tensor: its gradient arrives for the inner one.
void Watch::follow(const Tensor& y) {
  if (!y.defined() || !y.requires_grad() || !y.grad_fn()) return;
  if (!followed_.emplace(y.grad_fn().get(), y.output_nr()).second) return;
  y.register_hook([kept = std::weak_ptr(gradients), i = seen.size() - 1](const Tensor&) {
    if (const auto all = kept.lock()) all->emplace_back(i, Clock::now());
  });
}

std::atomic<int> observers{0};

void observe(const void* layer, const std::type_info& type, const Tree& y) {
  if (watch) watch->add(layer, type, y, /*whole=*/true);
}
void observe_part(const void* layer, const std::type_info& type, const Tree& y) {
  if (watch) watch->add(layer, type, y, /*whole=*/false);
}

}  // namespace luxtorch::detail
