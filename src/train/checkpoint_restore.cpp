// Checkpoint::restore_.
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "luxtorch/core/error.h"
#include "luxtorch/train/checkpoint.h"
#include "luxtorch/train/freeze.h"
#include "text.h"
#include "train/optim_rules.h"
#include "train/train_state_storage.h"

namespace luxtorch {

namespace {

[[noreturn]] void refuse(const Checkpoint& c, const std::string& message) {
  TreeError error("Checkpoint::restore_", message);
  error.prepend_path_(c.path.string());
  throw error;
}

void check_model(const Checkpoint& c, const TrainState& ts) {
  auto mine = show(ts.model);
  if (mine == c.model) return;
  std::istringstream ours(mine), theirs(c.model);
  std::string our_line, their_line;
  int number = 0;
  do {
    ++number;
    if (!std::getline(ours, our_line)) our_line.clear();
    if (!std::getline(theirs, their_line)) their_line.clear();
  } while (our_line == their_line && (ours || theirs));
  // Without the counts of parameters, which stand behind the layers.
  // Without the counts of parameters, which stand behind the layers.
  auto trimmed = [](const std::string& line) {
    auto start = line.find_first_not_of(' ');
    if (start == line.npos) return std::string("its end");
    auto end = line.find_last_not_of(", ", line.find("  #"));
    return "`" + line.substr(start, end + 1 - start) + "`";
  };
  refuse(c, fmt::format("expected a checkpoint of this model, got another model's: line {} of its "
                        "text is {} in place of {}. Make the model as it was.",
                        number, trimmed(their_line), trimmed(our_line)));
}

void check_same(const Checkpoint& c, const char* what, const Tree& expected, const Tree& got) {
  if (auto d = tree::difference(expected, got); !d.empty())
    refuse(c, fmt::format("expected {} like those of the model, got others: {}.", what, d));
}

// On the devices of the tensors that are there now, else on the parameters'.
Tree on_device_of(const Tree& now, const Tree& saved, Device device) {
  if (saved.is_tensor() && saved.tensor().defined()) {
    bool known = now.is_tensor() && now.tensor().defined();
    return saved.tensor().to(known ? now.tensor().device() : device);
  }
  if (saved.is_named()) {
    std::vector<Tree::Item> items;
    for (const auto& [key, part] : saved.items()) {
      bool known = now.is_named() && now.contains(key);
      items.emplace_back(key, on_device_of(known ? now[key] : Tree(), part, device));
    }
    return named(std::move(items));
  }
  if (saved.is_tuple()) {
    std::vector<Tree> elements;
    for (size_t i = 0; i < saved.size(); ++i) {
      bool known = now.is_tuple() && i < now.size();
      elements.push_back(on_device_of(known ? now[i] : Tree(), saved[i], device));
    }
    return tuple(std::move(elements));
  }
  return saved;
}

struct OfProgram : Optimizer {
  explicit OfProgram(const detail::Program& program) : Optimizer(of(program)) {}
};

// ts' optimiser with the numbers that the checkpoint's had. Schedules are functions: they are ts'.
Optimizer with_numbers_of(const Checkpoint& c, const Optimizer& mine) {
  auto require = [&](bool same, const Optimizer& optimizer) {
    if (!same)
      refuse(c, fmt::format("expected a checkpoint of the optimiser {}, got one of {}. Make the "
                            "optimiser as it was.",
                            optimizer.label(), c.optimizer));
  };
  const auto* program = mine.program();
  const Tree& saved = c.hyperparameters;
  if (!program) {
    require(mine.label() == c.optimizer, mine);
    return mine;
  }
  require(saved.is_tuple() && saved.size() == program->rules().size(), mine);
  std::vector<detail::Rule> rules(program->rules().begin(), program->rules().end());
  for (size_t i = 0; i < rules.size(); ++i) {
    const auto row = saved[i].elements();
    require(row.size() == rules[i].values.size() + 1 &&
                row[0].scalar<std::string>() == rules[i].kind->name,
            mine);
    for (size_t j = 1; j < row.size(); ++j) rules[i].values[j - 1] = row[j].scalar<double>();
  }
  Optimizer same = OfProgram(detail::Program(std::move(rules), program->is_chain()));
  require(same.label() == c.optimizer, same);
  return same;
}

}  // namespace

void Checkpoint::restore_(TrainState& ts) const {
  check_model(*this, ts);
  Tree now = ts.parameters();
  auto first = tree::tensors(now);
  Device device = first.empty() ? Device(c10::DeviceType::CPU) : first[0].device();
  Optimizer same = with_numbers_of(*this, ts.optimizer());
  check_same(*this, "parameters", now, parameters);
  bool builtin = ts.optimizer().program() != nullptr;
  if (builtin) check_same(*this, "moments", ts.optimizer_state(), optimizer_state);
  if (auto m = misfits(ts.states(), states); !m.empty())
    refuse(*this, fmt::format("expected states like those of the model, got {}.", m));

  TrainState next = ts;
  if (builtin) TrainStateAccess::own_(next).flat.set_program_(*same.program());
  TrainStateAccess::set_optimizer_(next, std::move(same));
  next.set_parameters_(parameters);
  next.set_states_(on_device_of(ts.states(), states, device));
  next.set_optimizer_state_(builtin ? optimizer_state
                                    : on_device_of(ts.optimizer_state(), optimizer_state, device));
  thaw_(next);
  freeze_(next,
          [&](const std::string& path) { return std::ranges::find(frozen, path) != frozen.end(); });
  next.step = step;
  ts = std::move(next);
}

}  // namespace luxtorch
