#include "transforms.h"

#include <ATen/functorch/BatchedFallback.h>
#include <ATen/functorch/BatchedTensorImpl.h>
#include <ATen/functorch/DynamicLayer.h>
#include <ATen/functorch/TensorWrapper.h>
#include <ATen/ops/_make_dual.h>
#include <ATen/ops/_unpack_dual.h>
#include <ATen/ops/stack.h>
#include <torch/csrc/autograd/forward_grad.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "luxtorch/core/error.h"

namespace luxtorch::transforms {

namespace functorch = at::functorch;

namespace {

constexpr c10::DispatchKeySet kModes{c10::DispatchKey::FuncTorchDynamicLayerFrontMode,
                                     c10::DispatchKey::FuncTorchDynamicLayerBackMode};

struct Mapped {
  int64_t level, size, first;
  Randomness randomness;
};
thread_local std::vector<Mapped> mapped;

// torch has one table of tangents for all threads: the first who needs it opens it, the last closes it.
class Tangents {
 public:
  static void open() {
    const std::lock_guard lock(mutex());
    if (users() == 0) torch::autograd::ForwardADLevel::get_next_idx();
    ++users();
  }
  static void close() {
    const std::lock_guard lock(mutex());
    if (--users() == 0) torch::autograd::ForwardADLevel::release_idx(kIndex);
  }
  static constexpr int64_t kIndex = 0;

 private:
  static std::mutex& mutex() {
    static std::mutex m;
    return m;
  }
  static int& users() {
    static int n = 0;
    return n;
  }
};

// Torch warns of operators that it maps one sample at a time, by one flag for all threads; the library does not print.
class Warnings {
 public:
  static void hush() {
    const std::lock_guard lock(mutex());
    if (users()++ > 0) return;
    before() = functorch::isVmapFallbackWarningEnabled();
    functorch::setVmapFallbackWarningEnabled(false);
  }
  static void restore() {
    const std::lock_guard lock(mutex());
    if (--users() == 0) functorch::setVmapFallbackWarningEnabled(before());
  }

 private:
  static std::mutex& mutex() {
    static std::mutex m;
    return m;
  }
  static int& users() {
    static int n = 0;
    return n;
  }
  static bool& before() {
    static bool enabled = true;
    return enabled;
  }
};

functorch::RandomnessType of_torch(Randomness randomness) {
  switch (randomness) {
    case Randomness::Same:
      return functorch::RandomnessType::Same;
    case Randomness::Different:
      return functorch::RandomnessType::Different;
    case Randomness::Error:
      break;
  }
  return functorch::RandomnessType::Error;
}

using Draw = std::function<std::vector<Tensor>(Rng)>;

std::vector<Tensor> draw_of_samples(Rng rng, const Draw& draw, size_t from) {
  while (from < mapped.size() && mapped[from].randomness == Randomness::Same) ++from;
  if (from == mapped.size()) return draw(rng);
  std::vector<std::vector<Tensor>> samples;  // of each tensor
  for (int64_t i = 0; i < mapped[from].size; ++i) {
    const auto number = static_cast<uint64_t>(mapped[from].first + i);
    auto sample = draw_of_samples(rng.fold_in(number), draw, from + 1);
    samples.resize(sample.size());
    for (size_t k = 0; k < sample.size(); ++k) samples[k].push_back(std::move(sample[k]));
  }
  std::vector<Tensor> stacked;
  for (const auto& of_one : samples) stacked.push_back(at::stack(of_one));
  return stacked;
}

}  // namespace

Outside::Outside() : guard_(kModes) {}

Tensor underlying(const Tensor& t) {
  if (auto* batched = functorch::maybeGetBatchedImpl(t)) return underlying(batched->value());
  if (auto* wrapper = functorch::maybeGetTensorWrapper(t)) return underlying(wrapper->value());
  return t;
}

Tensor detached(const Tensor& t) {
  if (!t.defined()) return t;
  // A wrapper may carry a tangent that only its level knows of.
  if (functorch::maybeGetBatchedImpl(t) || functorch::maybeGetTensorWrapper(t)) return t.detach();
  if (!t.requires_grad() && !t._fw_grad(Tangents::kIndex).defined()) return t;
  const Outside outside;  // what is plain stays plain
  return t.detach();
}

Tensor drawn(Rng rng, const std::function<Tensor(Rng)>& draw) {
  return drawn(rng, Draw([&](Rng r) { return std::vector{draw(r)}; }))[0];
}

std::vector<Tensor> drawn(Rng rng, const Draw& draw) {
  for (const auto& level : mapped) {
    if (level.randomness != Randomness::Error) continue;
    throw ArgumentError(
        "vmap",
        "expected a function that draws no random numbers, got one that does. State "
        ".randomness = Randomness::Same, one draw for all samples, or Randomness::Different.");
  }
  std::vector<Tensor> tensors;
  {
    const Outside outside;
    tensors = draw_of_samples(rng, draw, 0);
  }
  for (const auto& level : mapped) {
    if (level.randomness != Randomness::Different) continue;
    for (auto& t : tensors) t = functorch::makeBatched(t, 0, level.level);
  }
  return tensors;
}

namespace {
thread_local int differentiated_functions = 0;  // one inside the other
}
DifferentiatedFunction::DifferentiatedFunction() { ++differentiated_functions; }
DifferentiatedFunction::~DifferentiatedFunction() { --differentiated_functions; }
bool in_differentiated_function() { return differentiated_functions > 0; }

bool differentiated() {
  const auto& levels = functorch::getDynamicLayerStack();
  return std::any_of(levels.begin(), levels.end(), [](const functorch::DynamicLayer& level) {
    return level.key() == functorch::TransformType::Jvp ||
           level.key() == functorch::TransformType::Grad;
  });
}

Level::~Level() { functorch::popDynamicLayerAndDeleteMetadata(); }

Tensor Level::unwrap(const Tensor& t) const {
  if (!t.defined()) return t;
  auto* wrapper = functorch::maybeGetTensorWrapper(t);
  return wrapper && wrapper->level() == id_ ? wrapper->value() : t;
}

GradientLevel::GradientLevel()
    : Level(functorch::initAndPushDynamicLayer(functorch::TransformType::Grad, std::nullopt,
                                               std::nullopt, c10::GradMode::is_enabled())) {}

Tensor GradientLevel::wrap(const Tensor& t) const { return functorch::makeTensorWrapper(t, id()); }

ForwardLevel::ForwardLevel()
    : Level(functorch::initAndPushDynamicLayer(
          functorch::TransformType::Jvp, std::nullopt, std::nullopt, std::nullopt,
          c10::AutogradState::get_tls_state().get_fw_grad_mode())),
      before_(c10::AutogradState::get_tls_state().get_fw_grad_mode()) {
  Tangents::open();
  c10::AutogradState::get_tls_state().set_fw_grad_mode(true);
}

ForwardLevel::~ForwardLevel() {
  Tangents::close();
  c10::AutogradState::get_tls_state().set_fw_grad_mode(before_);
}

Tensor ForwardLevel::dual(const Tensor& primal, const Tensor& tangent) const {
  return at::_make_dual(primal, tangent, Tangents::kIndex);
}

std::pair<Tensor, Tensor> ForwardLevel::parts(const Tensor& t) const {
  auto [primal, tangent] = at::_unpack_dual(t, Tangents::kIndex);
  return {unwrap(primal), unwrap(tangent)};
}

VmapLevel::VmapLevel(int64_t size, int64_t first, Randomness randomness)
    : Level(functorch::initAndPushDynamicLayer(functorch::TransformType::Vmap, c10::SymInt(size),
                                               of_torch(randomness))) {
  Warnings::hush();
  mapped.push_back({id(), size, first, randomness});
}

VmapLevel::~VmapLevel() {
  mapped.pop_back();
  Warnings::restore();
}

Tensor VmapLevel::map(const Tensor& t, int64_t dim) const {
  return functorch::makeBatched(t, dim, id());
}

Tensor VmapLevel::batch(const Tensor& t, bool& has_batch) const {
  auto* batched = functorch::maybeGetBatchedImpl(t);
  has_batch = batched && batched->level() == id();
  return has_batch ? batched->value().movedim(batched->bdim(), 0) : t;
}

}  // namespace luxtorch::transforms
