#include "checkpoint/checkpoint_group.h"

#include <exception>

#include "io/base/atomic_folder.h"
#include "luxtorch/core/error.h"

namespace luxtorch::detail {

namespace {

Tree texts(const std::vector<std::string>& all) {
  std::vector<Tree> elements;
  for (const auto& text : all) elements.emplace_back(text);
  return tuple(std::move(elements));
}

std::vector<std::string> texts_of(const Tree& t) {
  std::vector<std::string> all;
  for (const Tree& text : t.elements()) all.push_back(text.scalar<std::string>());
  return all;
}

Tree tree_of(const Checkpoint& c) {
  std::vector<Tree> parts;
  for (const auto& part : c.parts) parts.push_back(tree_of(part));
  return named({{"path", c.path.string()},
                {"name", c.name},
                {"step", c.step},
                {"model", c.model},
                {"parameters", c.parameters},
                {"states", c.states},
                {"optimizer_state", c.optimizer_state},
                {"frozen", texts(c.frozen)},
                {"bases", c.bases},
                {"optimizer", c.optimizer},
                {"hyperparameters", c.hyperparameters},
                {"values", c.values},
                {"rng", c.rng ? Tree(*c.rng) : Tree()},
                {"data", c.data},
                {"ema", c.ema},
                {"metric", c.metric ? Tree(*c.metric) : Tree()},
                {"luxtorch_version", c.luxtorch_version},
                {"torch_version", c.torch_version},
                {"parts", tuple(std::move(parts))}});
}

Checkpoint checkpoint_of(const Tree& t) {
  const auto text = [&](const char* key) { return t[key].scalar<std::string>(); };
  Checkpoint c;
  c.path = text("path"), c.name = text("name"), c.model = text("model");
  c.step = t["step"].scalar<int64_t>();
  c.parameters = t["parameters"], c.states = t["states"], c.optimizer_state = t["optimizer_state"];
  c.bases = t["bases"];
  c.frozen = texts_of(t["frozen"]), c.optimizer = text("optimizer");
  c.hyperparameters = t["hyperparameters"], c.values = t["values"], c.data = t["data"];
  c.ema = t["ema"];
  if (t["rng"].is_rng()) c.rng = t["rng"].scalar<Rng>();
  if (t["metric"].is<double>()) c.metric = t["metric"].scalar<double>();
  c.luxtorch_version = text("luxtorch_version"), c.torch_version = text("torch_version");
  for (const Tree& part : t["parts"].elements()) c.parts.push_back(checkpoint_of(part));
  return c;
}

}  // namespace

Tree by_root(const Group& group, const char* who, const std::function<Tree()>& act) {
  Tree said;
  std::exception_ptr own;
  if (group.is_root()) {
    try {
      said = named({{"result", act()}});
    } catch (const std::exception& error) {
      own = std::current_exception();
      const bool of_disk = dynamic_cast<const io::DiskError*>(&error) != nullptr;
      said = named({{"error", error.what()}, {"of_disk", of_disk}});
    }
  }
  said = group.broadcast(said);
  if (own) std::rethrow_exception(own);
  if (!said.contains("error")) return said["result"];
  const auto text = "rank 0 failed: " + said["error"].scalar<std::string>();
  if (said["of_disk"].scalar<bool>()) throw io::DiskError(who, text);
  throw ArgumentError(who, text);
}

Tree to_tree(const CheckpointFolder::Resumed& resumed) {
  std::vector<std::string> paths, reasons;
  for (const auto& s : resumed.skipped) {
    paths.push_back(s.path.string());
    reasons.push_back(s.reason);
  }
  return named({{"checkpoint", resumed.checkpoint ? tree_of(*resumed.checkpoint) : Tree()},
                {"paths", texts(paths)},
                {"reasons", texts(reasons)}});
}

CheckpointFolder::Resumed resumed_from(const Tree& t) {
  CheckpointFolder::Resumed resumed;
  if (!t["checkpoint"].is_none()) resumed.checkpoint = checkpoint_of(t["checkpoint"]);
  const auto paths = texts_of(t["paths"]), reasons = texts_of(t["reasons"]);
  for (size_t i = 0; i < paths.size(); ++i) resumed.skipped.push_back({paths[i], reasons[i]});
  return resumed;
}

}  // namespace luxtorch::detail
