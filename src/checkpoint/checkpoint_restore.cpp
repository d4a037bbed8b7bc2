// Checkpoint::restore_.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <sstream>

#include "checkpoint/checkpoint_bases.h"
#include "luxtorch/checkpoint/checkpoint.h"
#include "luxtorch/core/error.h"
#include "luxtorch/train/freeze.h"
#include "ops/half_precision.h"
#include "optim/program.h"
#include "text.h"
#include "train/train_state_storage.h"

namespace luxtorch {

namespace {

[[noreturn]] void refuse(const Checkpoint& c, const std::string& message) {
  TreeError error("Checkpoint::restore_", message);
  error.prepend_path_(c.path.string() + (c.name.empty() ? "" : ", " + c.name));
  throw error;
}

// Where the saved model's text differs from this one's; "" where both are the same.
std::string other_model(const Checkpoint& c, const TrainState& ts) {
  auto mine = detail::show(describe(ts.model), TrainStateAccess::structure(ts));
  if (mine == c.model) return "";
  std::istringstream ours(mine), theirs(c.model);
  std::string our_line, their_line;
  int number = 0;
  do {
    ++number;
    if (!std::getline(ours, our_line)) our_line.clear();
    if (!std::getline(theirs, their_line)) their_line.clear();
  } while (our_line == their_line && (ours || theirs));
  // Without the counts of parameters, which stand behind the layers.
  auto trimmed = [](const std::string& line) {
    auto start = line.find_first_not_of(' ');
    if (start == line.npos) return std::string("its end");
    auto end = line.find_last_not_of(", ", line.find("  #"));
    return "`" + line.substr(start, end + 1 - start) + "`";
  };
  return fmt::format(" Line {} of the saved model's text is {} in place of {}.", number,
                     trimmed(their_line), trimmed(our_line));
}

void check_same(const Checkpoint& c, const TrainState& ts, const char* what, const Tree& expected,
                const Tree& got) {
  if (auto d = tree::difference(expected, got); !d.empty())
    refuse(c, fmt::format("expected {} like those of the model (left), got others (right): {}.{}",
                          what, d, other_model(c, ts)));
}

using Leaf = std::function<Tensor(const Tensor& now, const Tensor& saved)>;

// f of each saved tensor beside the one at its place now, which is undefined where there is none.
Tree beside(const Tree& now, const Tree& saved, const Leaf& f) {
  if (saved.is_tensor() && saved.tensor().defined())
    return f(now.is_tensor() ? now.tensor() : Tensor(), saved.tensor());
  if (saved.is_named()) {
    std::vector<Tree::Item> items;
    for (const auto& [key, part] : saved.items()) {
      bool known = now.is_named() && now.contains(key);
      items.emplace_back(key, beside(known ? now[key] : Tree(), part, f));
    }
    return named(std::move(items));
  }
  if (saved.is_tuple()) {
    std::vector<Tree> elements;
    for (size_t i = 0; i < saved.size(); ++i) {
      bool known = now.is_tuple() && i < now.size();
      elements.push_back(beside(known ? now[i] : Tree(), saved[i], f));
    }
    return tuple(std::move(elements));
  }
  return saved;
}

// On the devices of the tensors that are there now, else on the parameters'.
Tree on_device_of(const Tree& now, const Tree& saved, Device device) {
  return beside(now, saved, [&](const Tensor& here, const Tensor& t) {
    return t.to(here.defined() ? here.device() : device);
  });
}

// Moments of float16 and bfloat16, as older checkpoints have them, in float32.
Tree widened(const Tree& now, const Tree& saved) {
  return beside(now, saved, [](const Tensor& here, const Tensor& t) {
    bool narrow = ops::is_half(t);
    return narrow && here.defined() && here.scalar_type() == kFloat32 ? t.to(kFloat32) : t;
  });
}

// ts' optimizer with the numbers that the checkpoint's had. Schedules are functions: they are ts'.
Optimizer with_numbers_of(const Checkpoint& c, const Optimizer& mine) {
  // Older checkpoints have no numbers of a user's own optimizer.
  const bool known = !mine.program().has_own() || !c.hyperparameters.is_none();
  auto same = known ? mine.with_hyperparameters(c.hyperparameters) : std::optional(mine);
  if (!same || same->label() != c.optimizer)
    refuse(c, fmt::format("expected a checkpoint of the optimizer {}, got one of {}. Make the "
                          "optimizer as it was.",
                          (same ? *same : mine).label(), c.optimizer));
  return *same;
}

std::string names_of(const Checkpoint& c) {
  std::string names;
  for (const auto& part : c.parts) names += (names.empty() ? "" : ", ") + part.name;
  return names.empty() ? "one TrainState without a name" : "the TrainStates " + names;
}

[[noreturn]] void wrong_names(const Checkpoint& c, const std::string& who,
                              const std::string& expected) {
  ArgumentError error(who, "expected " + expected + ", got a checkpoint of " + names_of(c) + ".");
  error.prepend_path_(c.path.string());
  throw error;
}

}  // namespace

const Checkpoint& Checkpoint::part(std::string_view wanted) const {
  for (const auto& one : parts)
    if (one.name == wanted) return one;
  wrong_names(*this, "Checkpoint::part", fmt::format("the TrainState {}", wanted));
}

void Checkpoint::restore_(const std::vector<RestoreTarget>& all) const {
  std::vector<TrainState> restored;
  std::string names;
  size_t found = 0;
  for (const auto& target : all) names += (names.empty() ? "" : ", ") + target.name;
  for (const auto& one : parts) {
    auto count = std::ranges::count(all, one.name, &RestoreTarget::name);
    found += count == 1 ? 1 : 0;
  }
  if (parts.empty() || found != parts.size() || found != all.size())
    wrong_names(*this, "Checkpoint::restore_", "the TrainStates " + names);
  for (const auto& target : all) {
    restored.push_back(target.ts);
    part(target.name).restore_(restored.back());
  }
  for (size_t i = 0; i < all.size(); ++i) all[i].ts.get() = std::move(restored[i]);
}

void Checkpoint::restore_(TrainState& ts) const {
  if (!parts.empty())
    wrong_names(*this, "Checkpoint::restore_",
                "one TrainState: restore_({{name, ts}, ...}) takes several, part(name) gives one");
  Tree now = ts.parameters();
  auto first = tree::tensors(now);
  Device device = first.empty() ? Device(c10::DeviceType::CPU) : first[0].device();
  check_same(*this, ts, "parameters", now, parameters);
  if (auto m = mismatches(ts.states(), states); !m.empty())
    refuse(*this, fmt::format("expected states like those of the model, got {}.{}", m,
                              other_model(*this, ts)));
  // bases_of reads all bytes of the model's bases.
  const auto others =
      bases.size() == 0 ? "" : detail::other_bases(detail::bases_of(describe(ts.model)), bases);
  if (!others.empty()) {
    refuse(*this,
           fmt::format("expected pairs of the base that this Lora has, got those of another "
                       "one: sha256 {}. Pairs belong to the parameters beside which they were "
                       "trained: give Lora::with_base these.",
                       others));
  }
  Optimizer same = with_numbers_of(*this, ts.optimizer());
  const Tree moments = TrainStateAccess::optimizer_state_like(ts),
             saved = widened(moments, optimizer_state);
  // A user's own optimizer may change the structure of its state.
  if (!ts.optimizer().program().has_own()) check_same(*this, ts, "moments", moments, saved);

  TrainState next = ts;
  TrainStateAccess::own_(next).flat.set_program_(same.program());
  TrainStateAccess::set_optimizer_(next, std::move(same));
  next.set_parameters_(parameters);
  next.set_states_(on_device_of(ts.states(), states, device));
  next.set_optimizer_state_(on_device_of(moments, saved, device));
  thaw_(next);
  freeze_(next,
          [&](const std::string& path) { return std::ranges::find(frozen, path) != frozen.end(); });
  next.step = step;
  ts = std::move(next);
}

}  // namespace luxtorch
