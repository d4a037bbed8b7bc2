// Parts of a data set for validation, and balanced data sets.
//
//     for (const auto& [training, held_out] : data::kfolds(data::shuffleobs(tuple({x, y}), rng), 5)) {
//       int64_t n = data::numobs(training) + data::numobs(held_out);          // all of them
//     }
//     auto [big, small] = data::splitobs_stratified(tuple({x, y}), y, 0.8, rng);
//     Tree balanced = data::oversample(tuple({x, y}), y, rng);
//
// Data is as dataset.h describes it; so are its errors. Labels are one tensor (numobs) of integers or
// booleans: ShapeError for others.
#pragma once

#include <array>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/data/dataset.h"
#include "luxtorch/tree.h"

namespace luxtorch::data {

/// Training data, and what is held out to validate.
using Fold = std::pair<Tree, Tree>;

/// k folds: each observation is held out once, in its order. The first n % k folds hold out one
/// observation more than the others. ArgumentError: k outside [2, numobs].
LUXTORCH_API std::vector<Fold> kfolds(const Tree& data, int64_t k = 5);

/// Folds that hold out p observations; the last one holds out what is left, if p does not divide the
/// number of observations. ArgumentError: p outside [1, numobs / 2].
LUXTORCH_API std::vector<Fold> leavepout(const Tree& data, int64_t p = 1);

/// k folds of a series: the observations are k + 1 blocks in their order, and fold i trains on the
/// first i + 1 of them and holds out the next one, so that nothing is predicted from its future. Blocks
/// have numobs / (k + 1) observations; the first one has the remainder as well. ArgumentError: k outside
/// [1, numobs - 1].
LUXTORCH_API std::vector<Fold> timeseries_kfolds(const Tree& data, int64_t k = 5);

/// A random part of the data and the rest, as shuffleobs orders them, of which the first has
/// n * fraction of the n observations of each label, rounded to the nearest integer (ties to even).
/// ArgumentError: a fraction outside [0, 1].
LUXTORCH_API std::array<Tree, 2> splitobs_stratified(const Tree& data, const Tensor& labels,
                                                     double fraction, Rng rng);

/// As many observations of each label as of the most frequent one, in random order: all there are,
/// then some of them again, whole rounds first and then a random choice.
LUXTORCH_API Tree oversample(const Tree& data, const Tensor& labels, Rng rng);

/// As many observations of each label as of the least frequent one, chosen at random, in random order.
LUXTORCH_API Tree undersample(const Tree& data, const Tensor& labels, Rng rng);

}  // namespace luxtorch::data
