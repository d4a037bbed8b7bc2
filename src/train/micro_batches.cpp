#include "train/micro_batches.h"

#include <fmt/format.h>

#include <algorithm>
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

std::vector<MicroBatch> micro_batches(const Tree& batch, int64_t count, const char* who) {
  if (count == 1) return {{batch, 1}};
  const int64_t rows = rows_of(batch, who);
  const int64_t parts = std::clamp<int64_t>(rows, 1, count);
  std::vector<MicroBatch> all;
  for (int64_t i = 0; i < parts; ++i) {
    const int64_t begin = rows * i / parts, end = rows * (i + 1) / parts;
    Tree part = tree::map_tensors(
        [&](const Tensor& t) { return t.defined() ? t.narrow(0, begin, end - begin) : t; }, batch);
    all.push_back({std::move(part),
                   rows == 0 ? 1.0 : static_cast<double>(end - begin) / static_cast<double>(rows)});
  }
  return all;
}

}  // namespace luxtorch::detail
