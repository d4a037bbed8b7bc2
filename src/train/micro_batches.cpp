#include "train/micro_batches.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "luxtorch/core/error.h"
#include "text.h"

namespace luxtorch::detail {

namespace {

int64_t rows_of(const Tree& batch, const char* who) {
  std::optional<int64_t> rows;
  std::string first;
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        if (!leaf.is_tensor() || !leaf.tensor().defined()) return;
        const Tensor& t = leaf.tensor();
        const bool fits = t.dim() > 0 && (!rows || t.size(0) == *rows);
        if (!fits) {
          ArgumentError error(
              who,
              fmt::format("expected a batch whose tensors all have {}, to cut it into "
                          "micro-batches, got one of shape {}. Without .micro_batches it is not "
                          "cut.",
                          rows ? fmt::format("{} rows in dimension 0, as {} has", *rows, first)
                               : std::string("their rows in dimension 0"),
                          shape_text(t.sizes())));
          error.prepend_path_("batch" + (path.empty() ? "" : "." + path));
          throw error;
        }
        if (!rows) rows = t.size(0), first = "batch" + (path.empty() ? "" : "." + path);
      },
      batch);
  if (!rows)
    throw ArgumentError(who,
                        "expected a batch with tensors, to cut it into micro-batches, got none.");
  return *rows;
}

}  // namespace

std::vector<MicroBatch> micro_batches(const Tree& batch, const TrainStateOptions& options,
                                      const char* who) {
  if (options.micro_batches == 1) return {{batch, 1}};
  const int64_t rows = rows_of(batch, who);
  const int64_t count = std::clamp<int64_t>(rows, 1, options.micro_batches);
  std::vector<MicroBatch> all;
  double total = 0;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t begin = rows * i / count, end = rows * (i + 1) / count;
    Tree part = tree::map_tensors(
        [&](const Tensor& t) { return t.defined() ? t.narrow(0, begin, end - begin) : t; }, batch);
    const double weight =
        options.weight ? own_weight(part, options) : static_cast<double>(end - begin);
    all.push_back({std::move(part), weight});
    total += weight;
  }
  if (total > 0) std::erase_if(all, [](const MicroBatch& part) { return part.weight == 0; });
  for (MicroBatch& part : all) {
    const bool divided = options.combine == Combine::mean && total > 0;
    part.weight = divided ? part.weight / total : 1;
  }
  return all;
}

double own_weight(const Tree& batch, const TrainStateOptions& options) {
  const double weight = options.weight(batch);
  if (weight >= 0 && std::isfinite(weight)) return weight;
  throw ArgumentError("TrainState",
                      fmt::format("expected a finite .weight of at least 0, got {}.", weight));
}

}  // namespace luxtorch::detail
