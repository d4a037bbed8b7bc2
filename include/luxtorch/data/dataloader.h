// DataLoader: data in batches, in a new order each epoch.
//
//     auto loader = data::DataLoader(tuple({x, y}), {.batch_size = 128, .shuffle = true}, Rng(1));
//     for (int epoch = 0; epoch < 25; ++epoch) {
//       for (const Tree& batch : loader) {
//         auto [x, y] = batch.tensors<2>();               // (128, 50, 2) and (128)
//       }
//     }
//
// Level 3: data -> batches -> training. It does what MLUtils' DataLoader does. A batch has the
// data's structure; when the loader shuffles, its tensors are new ones, else they are views of the
// data: do not write into them. Data on a GPU gives batches there. Several loaders, and several
// iterators of one epoch's batches, may run on different threads.
#pragma once

#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/tree.h"

namespace luxtorch::data {

struct DataLoaderOptions {
  int64_t batch_size = 1;  // below 0: single observations, without dimension 0
  bool shuffle = false;    // a new permutation each epoch
  bool partial = true;     // keep the last batch when it has fewer observations than the others
  /// What makes a batch out of its observations, each of them without dimension 0; as a rule they
  /// are stacked.
  std::function<Tree(const std::vector<Tree>& observations)> collate = {};
};

/// One epoch's batches, in order: a single-pass range, whose iterator holds the batch. It stays
/// valid without its loader.
class Batches {
 public:
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = Tree;
    using difference_type = std::ptrdiff_t;
    using reference = const Tree&;

    const Tree& operator*() const { return batch_; }
    const Tree* operator->() const { return &batch_; }
    Iterator& operator++();
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& i, std::default_sentinel_t) { return i.at_end(); }

   private:
    friend class Batches;
    friend class DataLoader;
    struct Plan;
    struct Epoch;
    explicit Iterator(std::shared_ptr<const Plan> plan, std::shared_ptr<Epoch> epoch = {});
    bool at_end() const;
    void record_();
    std::shared_ptr<const Plan> plan_;
    std::shared_ptr<Epoch> epoch_;  // of a loader that wants to know how far it is
    int64_t position_ = 0;
    Tree batch_;
  };

  Iterator begin() const { return Iterator(plan_); }
  std::default_sentinel_t end() const { return {}; }

 private:
  friend class DataLoader;
  explicit Batches(std::shared_ptr<const Iterator::Plan> plan) : plan_(std::move(plan)) {}
  std::shared_ptr<const Iterator::Plan> plan_;
};

class LUXTORCH_API DataLoader {
 public:
  /// Data as dataset.h says. When there are fewer observations than a batch should have, the batch
  /// size becomes their number (so there is one batch, whatever `partial` says) and warning() tells
  /// so. ArgumentError: a batch size of 0, or no observations at all; TreeError and ShapeError: see
  /// numobs.
  explicit DataLoader(Tree data, DataLoaderOptions options = {}, Rng rng = Rng(0));

  /// Starts the next epoch, or goes on with the one of set_position_. Epoch e = 0, 1, ... takes its
  /// permutation from rng.fold_in(e).
  Batches::Iterator begin();
  std::default_sentinel_t end() const { return {}; }

  /// Epoch e's batches, again or ahead of time; counts no epoch.
  Batches batches(uint64_t epoch) const;

  /// The number of batches in an epoch.
  int64_t size() const { return size_; }
  /// The observations in a batch, after the adjustment to few observations; below 0 for single
  /// observations.
  int64_t batch_size() const { return options_.batch_size; }
  int64_t numobs() const { return numobs_; }
  /// Epochs begun so far: the number of the next one.
  uint64_t epoch() const { return epoch_; }
  void set_epoch_(uint64_t next) {
    epoch_ = next;
    skip_ = 0;
  }

  /// Where a training stands, for its checkpoint: in an epoch behind the batch in hand, or, once its
  /// iterator is at the end or gone, at the beginning of the next epoch. To be asked for by the
  /// thread that iterates. A named tree: rng, epoch, batches (handed out in it), numobs, batch_size.
  Tree position() const;
  /// The next begin() goes on from there, with the batches that the loader would have given; an epoch
  /// whose last batch was in hand is then an empty range. Takes the rng too. A TreeError for another
  /// tree, an ArgumentError for the position of a loader of other data or batches.
  void set_position_(const Tree& position);
  /// What was adjusted, in a sentence; empty when nothing was.
  const std::string& warning() const { return warning_; }
  const Tree& data() const { return data_; }
  Rng rng() const { return rng_; }

 private:
  Tree data_;
  DataLoaderOptions options_;
  Rng rng_;
  int64_t numobs_, size_;
  uint64_t epoch_ = 0;
  int64_t skip_ = 0;  // batches of the next epoch that have been handed out before
  std::weak_ptr<const Batches::Iterator::Epoch> current_;
  std::string warning_;
};

}  // namespace luxtorch::data

namespace luxtorch {
using data::DataLoader;
using data::DataLoaderOptions;
}  // namespace luxtorch
