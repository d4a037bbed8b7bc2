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
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/data/dataset.h"
#include "luxtorch/tree.h"

namespace luxtorch::data {

/// Training data, and what is held out to validate.
using Fold = std::pair<Tree, Tree>;

/// Folds of one data set. Each is made when it is asked for, so the data lie in memory once more at a
/// time: the training data are a copy where they are two parts, else they are views, as is always what is
/// held out. Do not write to views.
class LUXTORCH_API Folds {
 public:
  /// Where a fold's parts are among the observations: it holds out [first, last) and trains on [0, first)
  /// and [last, end).
  struct Part {
    int64_t first;  ///< The first observation that is held out.
    int64_t last;   ///< Behind the last one that is.
    int64_t end;    ///< Behind the last one that the fold has.
  };
  /// The parts of folds of this data.
  Folds(Tree data, std::vector<Part> parts) : data_(std::move(data)), parts_(std::move(parts)) {}

  /// Their number.
  size_t size() const { return parts_.size(); }
  /// Fold i. ArgumentError: i outside [0, size).
  Fold operator[](size_t i) const;

  /// Goes through the folds in order. It must not outlive them.
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;  ///< For std::input_iterator.
    using value_type = Fold;                           ///< What * gives.
    using difference_type = std::ptrdiff_t;            ///< For std::input_iterator.
    /// The fold, made anew each time.
    Fold operator*() const { return (*folds_)[i_]; }
    /// The next one.
    Iterator& operator++() { return ++i_, *this; }
    /// The next one.
    void operator++(int) { ++i_; }
    /// Whether it is behind the last fold.
    friend bool operator==(const Iterator& it, std::default_sentinel_t) {
      return it.i_ == it.folds_->size();
    }

   private:
    friend class Folds;
    explicit Iterator(const Folds* folds) : folds_(folds) {}
    const Folds* folds_;
    size_t i_ = 0;
  };
  /// The first fold.
  Iterator begin() const { return Iterator(this); }
  /// Behind the last one.
  std::default_sentinel_t end() const { return {}; }

 private:
  Tree data_;
  std::vector<Part> parts_;
};

/// k folds: each observation is held out once, in its order. The first n % k folds hold out one
/// observation more than the others. ArgumentError: k outside [2, numobs].
LUXTORCH_API Folds kfolds(const Tree& data, int64_t k = 5);

/// Folds that hold out p observations; the last one holds out what is left, if p does not divide the
/// number of observations. ArgumentError: p outside [1, numobs / 2].
LUXTORCH_API Folds leavepout(const Tree& data, int64_t p = 1);

/// k folds of a series: the observations are k + 1 blocks in their order, and fold i trains on the
/// first i + 1 of them and holds out the next one, so that nothing is predicted from its future. Blocks
/// have numobs / (k + 1) observations; the first one has the remainder as well. ArgumentError: k outside
/// [1, numobs - 1].
LUXTORCH_API Folds timeseries_kfolds(const Tree& data, int64_t k = 5);

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
