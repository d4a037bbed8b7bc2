// The columns of a History while a run adds rows to them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "luxtorch/tree.h"

namespace luxtorch::detail {

/// Columns in the order of their first rows. A row that lacks a column, or a column that begins later, has NaN there.
class HistoryColumns {
 public:
  /// One row: (name, value) pairs, 0-dim or of the shape that the column has. ShapeError: another shape than before.
  void add_(const std::vector<std::pair<std::string, Tensor>>& row);
  /// A named tree of (rows, ...) tensors.
  Tree tree() const;
  /// Takes over what tree() gave.
  void set_(const Tree& columns);

 private:
  struct Column {
    std::string name;
    std::vector<Tensor> rows;  // undefined where a row has no value
  };
  size_t rows_ = 0;
  std::vector<Column> columns_;
};

}  // namespace luxtorch::detail
