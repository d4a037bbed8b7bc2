// The rows of a summary, and what the runs say of them.
#include "luxtorch/layer_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "layer_summary_run.h"
#include "luxtorch/core/error.h"
#include "text.h"

namespace luxtorch::detail {

namespace {

const Tree& part(const Tree& t, const std::string& path) {
  static const Tree none;
  return t.contains(path) ? t.at(path) : none;
}

bool below(std::string_view path, std::string_view prefix) {
  return prefix.empty() ||
         (path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '.'));
}

// By what they are, since a parameter may stand at several places.
std::set<const void*> frozen_tensors(const Tree& ps, const std::vector<std::string>& paths) {
  std::set<const void*> frozen;
  for (const auto& prefix : paths) {
    bool found = prefix.empty();
    tree::for_each(
        [&](const std::string& path, const Tree& leaf) {
          if (!leaf.is_tensor() || !below(path, prefix)) return;
          frozen.insert(leaf.tensor().unsafeGetTensorImpl());
          found = true;
        },
        ps);
    if (!found) {
      throw TreeError("summary", fmt::format("expected the paths of parameters in .frozen, got "
                                             "\"{}\", where the model has none.",
                                             prefix));
    }
  }
  return frozen;
}

// Refuses what has no memory and takes no time.
ModelRun of_numbers(const ModelRun& run) {
  return [&run](const Tree& ps, const Tree& st) {
    Tree y = run(ps, st);
    for (const Tensor& t : tree::tensors(y)) {
      if (!t.defined() || !t.is_meta()) continue;
      throw ArgumentError("summary",
                          "expected x, parameters and states with numbers for .step and .time, got "
                          "some on the meta device. Use an x with numbers and those of setup.");
    }
    return y;
  };
}

class Table {
 public:
  Table(const Description& d, const Tree& ps, const Tree& trained, const Tree& st) {
    summary.parameters = parameter_length(ps), summary.trainable = parameter_length(trained);
    summary.states = state_length(st), summary.bytes = tree::bytes(ps) + tree::bytes(st);
    add(d, "", ps, trained, st);
  }

  Summary summary;

  // Where the work before each observation stands: that of a layer without a row, such as a cell of LSTM,
  // in the row of the next one; in the model's if none comes.
  std::vector<SummaryRow*> rows_of(const std::vector<Observation>& seen) {
    std::vector<SummaryRow*> rows = own_rows_of(seen);
    SummaryRow* next = &summary.rows[0];
    for (size_t i = seen.size(); i-- > 0;) {
      if (rows[i]) next = rows[i];
      rows[i] = next;
    }
    return rows;
  }

  void set_outputs(const std::vector<Observation>& seen) {
    // First in every row of the layer, for those that its calls do not reach.
    for (const auto& o : seen)
      for (size_t i = 0; o.output && i < layers_.size(); ++i)
        if (is_of(o, *layers_[i])) set_output(summary.rows[i], o);
    const auto rows = own_rows_of(seen);
    for (size_t i = 0; i < seen.size(); ++i)
      if (seen[i].output && rows[i]) set_output(*rows[i], seen[i]);
  }

 private:
  static void set_output(SummaryRow& row, const Observation& o) {
    row.output = *o.output, row.output_dtype = o.dtype;
  }

  // The row of each observation's layer; null where it has none. A layer that stands at several places
  // has its calls in turn: the first in the first row, ..., after the last row again in the first.
  std::vector<SummaryRow*> own_rows_of(const std::vector<Observation>& seen) {
    std::vector<SummaryRow*> rows(seen.size());
    std::vector<size_t> calls(layers_.size());
    for (size_t i = 0; i < seen.size(); ++i) {
      if (seen[i].again) {
        rows[i] = rows[i - 1];
        continue;
      }
      auto row = layers_.size();
      for (size_t k = 0; k < layers_.size(); ++k)
        if (is_of(seen[i], *layers_[k]) && (row == layers_.size() || calls[k] < calls[row]))
          row = k;
      if (row == layers_.size()) continue;
      if (seen[i].output) ++calls[row];  // the parts of a call come before its output
      rows[i] = &summary.rows[row];
    }
    return rows;
  }

  static bool is_of(const Observation& o, const Description& d) {
    return d.type && o.layer == d.address && *o.type == *d.type;
  }

  void add(const Description& d, const std::string& path, const Tree& ps, const Tree& trained,
           const Tree& st) {
    SummaryRow row{.path = path, .layer = d.text, .output = "", .dtype = "", .output_dtype = ""};
    const Tree &p = part(ps, path), &t = part(st, path);
    row.dtype = dtypes_text(p);
    row.parameters = parameter_length(p), row.states = state_length(t);
    row.trainable = parameter_length(part(trained, path));
    row.bytes = tree::bytes(p) + tree::bytes(t);
    if (!d.wrapper) {  // a container's row counts what it has besides its layers
      Tree own = p;
      for (const auto& [name, field] : d.fields) {
        const auto inside = path_below(path, name);
        const Tree &fp = part(ps, inside), &ft = part(st, inside);
        row.parameters -= parameter_length(fp), row.states -= state_length(ft);
        row.trainable -= parameter_length(part(trained, inside));
        row.bytes -= tree::bytes(fp) + tree::bytes(ft);
        if (own.is_named() && own.contains(name)) own = own.without(name);
      }
      if (row.parameters == 0) own = Tree();
      row.dtype = dtypes_text(own);
    }
    if (d.wrapper && !d.fields.empty()) row.layer += "(" + d.fields[0].layer.text + ")";
    summary.rows.push_back(std::move(row));
    layers_.push_back(&d);
    if (d.wrapper) return;
    for (const auto& [name, field] : d.fields) add(field, path_below(path, name), ps, trained, st);
  }

  std::vector<const Description*> layers_;  // those of the rows
};

double seconds(Clock::duration d) { return std::chrono::duration<double>(d).count(); }

void add_to(std::optional<int64_t>& sum, int64_t more) { sum = sum.value_or(0) + more; }
void add_to(std::optional<double>& sum, double more) { sum = sum.value_or(0) + more; }

// For layers that were not seen.
template <class T>
void set_zero(Summary& s, std::optional<T> SummaryRow::* member) {
  for (auto& row : s.rows) row.*member = T(0);
}

// The costs of runs, put into a table.
class Costs {
 public:
  Costs(Table& table, const ModelRun& run, const Tree& ps, const Tree& st, IsTrained is_trained)
      : table_(table), run_(run), ps_(ps), st_(st), is_trained_(std::move(is_trained)) {}

  void forward() {
    Watch watch;
    run_forward(run_, ps_, st_);
    table_.set_outputs(watch.seen);
    const auto rows = table_.rows_of(watch.seen);
    for (size_t i = 0; i < rows.size(); ++i) rows[i]->flops += watch.seen[i].flops.forward;
    summary().rows[0].flops += watch.flops.taken().forward;
    for (const auto& row : summary().rows) summary().flops += row.flops;
  }

  void step() {
    set_zero(summary(), &SummaryRow::step_flops);
    std::vector<int64_t> held;
    {
      std::optional<HeldMemory> memory;
      if (HeldMemory::is_possible()) memory.emplace();
      Watch watch(memory ? &*memory : nullptr);
      run_step(run_, ps_, st_, is_trained_, [&] {
        if (memory) held = memory->held();
      });
      const auto rows = table_.rows_of(watch.seen);
      for (size_t i = 0; i < rows.size(); ++i) add_step_flops(*rows[i], watch.seen[i].flops);
      add_step_flops(summary().rows[0], watch.flops.taken());
      if (memory) {
        set_zero(summary(), &SummaryRow::kept_bytes);
        // After the last report the sum of the output was allocated.
        for (size_t i = 0; i + 1 < held.size(); ++i) add_to(rows[i]->kept_bytes, held[i]);
      }
    }
    if (HeldMemory::is_possible()) summary().kept_bytes = kept_unwatched();
  }

  void time(bool step, int64_t runs) {
    auto member = step ? &SummaryRow::step_seconds : &SummaryRow::seconds;
    auto& total = step ? summary().step_seconds : summary().seconds;
    auto run_once = [&] {
      return step ? run_step(run_, ps_, st_, is_trained_, [] {}) : run_forward(run_, ps_, st_);
    };
    run_once();
    for (int64_t i = 0; i < runs; ++i) {
      const double s = run_once().seconds();
      total = std::min(total.value_or(s), s);
    }
    std::optional<double> fastest;
    for (int64_t i = 0; i < runs; ++i) {
      Watch watch(nullptr, /*gradients=*/step);
      const RunTimes times = run_once();
      if (fastest && *fastest <= times.seconds()) continue;
      fastest = times.seconds();
      set_zero(summary(), member);
      set_times(member, watch, times);
    }
  }

 private:
  Summary& summary() { return table_.summary; }

  void add_step_flops(SummaryRow& row, const ops::Flops& flops) {
    add_to(row.step_flops, flops.forward + flops.backward);
    add_to(summary().step_flops, flops.forward + flops.backward);
  }

  int64_t kept_unwatched() {
    HeldMemory memory;
    int64_t kept = 0;
    const ModelRun alone = [&](const Tree& ps, const Tree& st) {
      Tree y = run_(ps, st);
      memory.begin_part();  // without the sum of the output
      return y;
    };
    run_step(alone, ps_, st_, is_trained_, [&] { kept = memory.held()[0]; });
    return kept;
  }

  void set_times(std::optional<double> SummaryRow::* member, const Watch& watch,
                 const RunTimes& times) {
    const auto rows = table_.rows_of(watch.seen);
    auto begin = times.start;
    for (size_t i = 0; i < rows.size() && watch.seen[i].end <= times.forward_end; ++i) {
      add_to(rows[i]->*member, seconds(watch.seen[i].end - begin));
      begin = watch.seen[i].next;
    }
    const auto& gradients = *watch.gradients;
    for (size_t i = 0; i < gradients.size(); ++i) {
      const auto& [which, start] = gradients[i];
      const auto end = i + 1 < gradients.size() ? gradients[i + 1].second : times.end;
      add_to(rows[which]->*member, seconds(end - start));
    }
  }

  Table& table_;
  const ModelRun& run_;
  const Tree &ps_, &st_;
  IsTrained is_trained_;
};

}  // namespace

Summary summarize(const Description& d, const Tree& ps, const Tree& st,
                  const SummaryOptions& options, const ModelRun& run) {
  if (options.runs < 1) {
    throw ArgumentError("summary",
                        fmt::format("expected .runs of at least 1, got {}.", options.runs));
  }
  const auto frozen = frozen_tensors(ps, options.frozen);
  auto is_trained = [&](const Tensor& t) {
    return (t.is_floating_point() || t.is_complex()) && !frozen.contains(t.unsafeGetTensorImpl());
  };
  auto or_nothing = [&](const Tree& leaf) {
    return leaf.is_tensor() && leaf.tensor().defined() && is_trained(leaf.tensor()) ? leaf : Tree();
  };
  Table table(d, ps, tree::map(or_nothing, ps), st);
  const ModelRun call = options.step || options.time ? of_numbers(run) : run;
  Costs costs(table, call, ps, st, is_trained);
  costs.forward();
  if (options.step) costs.step();
  if (options.time) costs.time(/*step=*/false, options.runs);
  if (options.time && options.step) costs.time(/*step=*/true, options.runs);
  return std::move(table.summary);
}

}  // namespace luxtorch::detail
