// How the rows of the corpus are written.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "support/corpus.h"

namespace luxtorch::testing {

inline Tree input(std::vector<int64_t> shape, uint64_t seed = 0) {
  return random::normal(Rng(seed).fold_in("corpus"), shape);
}

// A layer called as its own type: with a tensor, with (x, carry) or with a tree.
template <class L>
Out<Tree> call(const L& layer, const Tree& x, const Tree& ps, const Tree& st) {
  if (x.is_tensor()) {
    auto [y, st2] = apply(layer, x.tensor(), ps, st);
    return {to_tree(std::move(y)), std::move(st2)};
  }
  if constexpr (requires { layer(x[0].tensor(), x[1], ps, st); }) {
    auto [y, st2] = layer(x[0].tensor(), x[1], ps, st);
    return {to_tree(std::move(y)), std::move(st2)};
  } else {
    return apply<Tree>(layer, x, ps, st);
  }
}

struct Counts {
  int64_t parameters, states;
};

template <class L>
CorpusRow row(std::string name, L layer, Tree x, Counts counts) {
  auto typed = [layer](const Tree& x, const Tree& ps, const Tree& st) {
    return call(layer, x, ps, st);
  };
  auto seen = [layer](const Tree& x, const Tree& ps, const Tree& st) {
    return detail::summarize(describe(layer), ps, st, {}, [&](const Tree& p, const Tree& s) {
      return call(layer, x, p, s).first;
    });
  };
  return {std::move(name), Layer(std::move(layer)), typed,        seen,
          std::move(x),    counts.parameters,       counts.states};
}
inline CorpusRow not_reporting(CorpusRow row) {
  row.reports = false;
  return row;
}
inline CorpusRow time_first(CorpusRow row, int64_t y_rows) {
  row.x_rows = 1, row.y_rows = y_rows;
  return row;
}
inline CorpusRow without_rows(CorpusRow row) {
  row.has_rows = false;
  return row;
}
inline CorpusRow with_normals(CorpusRow row) {
  row.draws_normals = true;
  return row;
}

}  // namespace luxtorch::testing
