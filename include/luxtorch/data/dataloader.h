// DataLoader: data in batches, in a new order each epoch.
//
//     auto loader = data::DataLoader(tuple({x, y}), {.batch_size = 128, .shuffle = true}, Rng(1));
//     for (int epoch = 0; epoch < 25; ++epoch) {
//       for (const Tree& batch : loader) {
//         auto [x, y] = batch.tensors<2>();               // (128, 50, 2) and (128)
//       }
//     }
//
// The loader does what MLUtils' DataLoader does. A batch has the data's structure. When the loader
// shuffles, the batch's tensors are new ones; otherwise they are views of the data, and must not be
// written to. Data on a GPU gives batches on that GPU. Several loaders, and several iterators of
// one epoch's batches, may run on different threads.
//
// With num_workers, threads make the next batches while the program works on the current one:
//
//     auto changed = data::DataLoader(tuple({x, y}), {.transform = augment, .num_workers = 2});
//
// Batches have the same order and the same bits as without: the key of a transform depends on the
// loader's rng, the epoch and the batch's number alone. What collate or transform throws for a batch is
// thrown where that batch would be handed out, after all batches before it; the next ++ goes on behind it.
// An iterator that is destroyed early waits for the batches that its workers are making.
#pragma once

#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/group.h"
#include "luxtorch/tree.h"

namespace luxtorch::data {

/// How a DataLoader forms its batches.
struct DataLoaderOptions {
  int64_t batch_size = 1;  ///< Not 0; below 0: single observations, without dimension 0.
  bool shuffle = false;    ///< A new permutation each epoch.
  bool partial = true;     ///< Keep the last batch when it is smaller than the others.
  /// Makes a batch from its observations, each of them without dimension 0. Where it is empty, the
  /// observations are stacked along a new dimension 0. Not called for a batch_size below 0.
  std::function<Tree(const std::vector<Tree>& observations)> collate = {};
  /// Changes each batch (for a batch_size below 0, each observation) before it is handed out: augmentation,
  /// conversion. rng is a key of its own for each batch of each epoch.
  std::function<Tree(const Tree& batch, Rng rng)> transform = {};
  /// Threads that make batches ahead; 0: each batch is made when it is asked for. With several, collate and
  /// transform are called by several threads at once. Workers are of use where these two are slow; for
  /// data on a GPU they use its default stream. A change that needs no rng can be made once, by mapobs.
  int64_t num_workers = 0;
  int64_t prefetch = 2;  ///< Batches that a worker is ahead: at most num_workers * prefetch wait.
  /// Which rows of each batch this process gets, where several train together: group.part(). All of them make the
  /// same loader with the same rng, and compare them when they make them; batch_size, size() and position() speak of
  /// the whole batches. A part may have no rows: transform is not called for it then. transform's rng is another one
  /// for each part.
  Part part = {};
};

namespace detail {
class Prefetch;  // the workers of an iterator
}

/// One epoch's batches, in order: a range whose iterator holds the current batch. It stays valid
/// after its loader is destroyed.
class LUXTORCH_API Batches {
 public:
  /// A single-pass input iterator (std::input_iterator).
  class LUXTORCH_API Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;  ///< For std::input_iterator.
    using value_type = Tree;                           ///< A batch, with the data's structure.
    using difference_type = std::ptrdiff_t;            ///< For std::input_iterator.
    using reference = const Tree&;                     ///< What * gives.

    /// The current batch; the reference is valid until the iterator moves on.
    const Tree& operator*() const { return batch_; }
    /// Access to a member of the current batch.
    const Tree* operator->() const { return &batch_; }
    /// Assembles the next batch; at the end of the epoch the batch is an empty Tree.
    Iterator& operator++();
    /// The same; gives nothing, as input iterators may.
    void operator++(int) { ++*this; }
    /// Whether all batches of the epoch have been passed.
    friend bool operator==(const Iterator& i, std::default_sentinel_t) { return i.at_end(); }

   private:
    friend class Batches;
    friend class DataLoader;
    struct Plan;
    struct Epoch;
    explicit Iterator(std::shared_ptr<const Plan> plan, std::shared_ptr<Epoch> epoch = {});
    bool at_end() const;
    void record_();
    Tree made_() const;
    std::shared_ptr<const Plan> plan_;
    std::shared_ptr<Epoch> epoch_;  // of a loader that wants to know how far it is
    std::shared_ptr<detail::Prefetch> workers_;
    int64_t position_ = 0;
    Tree batch_;
  };

  /// An iterator at the epoch's first batch; each call starts again.
  Iterator begin() const { return Iterator(plan_); }
  /// The end of the epoch.
  std::default_sentinel_t end() const { return {}; }

 private:
  friend class DataLoader;
  explicit Batches(std::shared_ptr<const Iterator::Plan> plan) : plan_(std::move(plan)) {}
  std::shared_ptr<const Iterator::Plan> plan_;
};

/// Data in batches, over as many epochs as it is iterated (MLUtils' DataLoader). Iterating it with
/// a range-for is one epoch.
class LUXTORCH_API DataLoader {
 public:
  /// data: as dataset.h describes it. When there are fewer observations than batch_size, the batch
  /// size becomes their number (so there is one batch, whatever `partial` says) and warning() says
  /// so. ArgumentError: a batch size of 0, no observations at all, num_workers below 0, a prefetch
  /// below 1, a part outside of its count, a part of single observations; with group.part(), on all processes, another
  /// number of observations, other options or another rng on one of them, which the text names. TreeError and
  /// ShapeError: see numobs.
  explicit DataLoader(Tree data, DataLoaderOptions options = {}, Rng rng = Rng(0));

  /// Starts the next epoch, or continues the one that set_position_ has set. Epoch e = 0, 1, ...
  /// takes its permutation from rng.fold_in(e).
  Batches::Iterator begin();
  /// The end of every epoch.
  std::default_sentinel_t end() const { return {}; }

  /// The batches of one epoch, again or ahead of time. epoch() does not change.
  Batches batches(uint64_t epoch) const;

  /// The number of batches in an epoch.
  int64_t size() const { return size_; }
  /// The observations in a batch, after the adjustment to few observations; below 0 for single
  /// observations.
  int64_t batch_size() const { return options_.batch_size; }
  /// The number of observations in the data.
  int64_t numobs() const { return numobs_; }
  /// The epochs begun so far, which is the number of the next one.
  uint64_t epoch() const { return epoch_; }
  /// The next begin() starts this epoch, at its first batch.
  void set_epoch_(uint64_t next) {
    epoch_ = next;
    skip_ = 0;
  }

  /// The training's position in the data, for its checkpoint: after the current batch of the epoch
  /// begun last, or at the start of the next epoch once that epoch's iterator is at its end or
  /// destroyed. Call it from the thread that iterates. A named tree: rng, epoch, batches (handed
  /// out in that epoch), numobs, batch_size.
  Tree position() const;
  /// The next begin() continues from there, with the batches that the saved loader would have given
  /// next. If the position is after an epoch's last batch, that epoch is an empty range. The rng is
  /// set too. TreeError: a tree that position() does not make; ArgumentError: another number of
  /// observations, another batch size, or a position outside of the epoch.
  void set_position_(const Tree& position);
  /// The adjustment of the batch size, in a sentence; empty when there was none.
  const std::string& warning() const { return warning_; }
  /// All observations, in their original order.
  const Tree& data() const { return data_; }
  /// The key that the epochs' permutations come from.
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
