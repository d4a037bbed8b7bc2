#include "fit/history.h"

#include <ATen/ops/full_like.h>
#include <ATen/ops/stack.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "luxtorch/core/error.h"

namespace luxtorch::detail {

void HistoryColumns::add_(const std::vector<std::pair<std::string, Tensor>>& row) {
  for (const auto& [name, value] : row) {
    auto column = std::ranges::find(columns_, name, &Column::name);
    if (column == columns_.end()) {
      columns_.push_back({name, std::vector<Tensor>(rows_)});
      column = columns_.end() - 1;
    }
    const auto before = std::ranges::find_if(column->rows, &Tensor::defined);
    if (before != column->rows.end() && before->sizes() != value.sizes())
      throw ShapeError(
          "fit", fmt::format("expected {} of shape ({}), as in earlier epochs, got ({}).", name,
                             fmt::join(before->sizes(), ", "), fmt::join(value.sizes(), ", ")));
    column->rows.push_back(value);
  }
  ++rows_;
  for (auto& column : columns_) column.rows.resize(rows_);
}

Tree HistoryColumns::tree() const {
  std::vector<Tree::Item> items;
  for (const auto& column : columns_) {
    const auto& some = *std::ranges::find_if(column.rows, &Tensor::defined);
    auto rows = column.rows;
    for (auto& row : rows)
      if (!row.defined()) row = at::full_like(some, std::numeric_limits<double>::quiet_NaN());
    items.emplace_back(column.name, at::stack(rows));
  }
  return named(std::move(items));
}

void HistoryColumns::set_(const Tree& columns) {
  columns_.clear();
  rows_ = 0;
  for (const auto& [name, values] : columns) {
    columns_.push_back({name, values.tensor().unbind(0)});
    rows_ = columns_.back().rows.size();
  }
}

}  // namespace luxtorch::detail
