#include "luxtorch/data/dataloader.h"

#include <ATen/ops/index_select.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "data/check.h"
#include "data/prefetch.h"
#include "group_backend.h"
#include "luxtorch/core/error.h"
#include "luxtorch/data/dataset.h"

namespace luxtorch::data {

namespace {

Tree without_rows(const Tree& batch) {
  return tree::map_tensors([](const Tensor& t) { return t.narrow(0, 0, 0); }, batch);
}

}  // namespace

// What all iterators over one epoch share.
struct Batches::Iterator::Plan {
  Tree data;
  std::vector<Tensor> tensors;  // data's
  std::vector<Tensor>
      order;  // for each of them the epoch's permutation, on its device; empty without a shuffle
  std::vector<int64_t> indices;  // the same on the host, for single observations
  int64_t numobs, size;
  DataLoaderOptions options;
  uint64_t epoch;
  Rng transform_rng;

  Tree observation(int64_t position) const {
    auto index = indices.empty() ? position : indices[static_cast<size_t>(position)];
    return tree::map_tensors([&](const Tensor& t) { return t.select(0, index); }, data);
  }

  Tree batch(int64_t number) const {
    Tree raw = untransformed(number);
    if (!options.transform || (options.part.count > 1 && numobs_of(number) == 0)) return raw;
    Rng rng = transform_rng.fold_in(static_cast<uint64_t>(number));
    if (options.part.count > 1) rng = rng.fold_in(static_cast<uint64_t>(options.part.index));
    return options.transform(raw, rng);
  }

  // The observations of the whole batch, and of this process' part of it.
  int64_t whole(int64_t number) const {
    return std::min(options.batch_size, numobs - number * options.batch_size);
  }
  int64_t numobs_of(int64_t number) const {
    const int64_t all = whole(number);
    return options.part.end(all) - options.part.begin(all);
  }

  Tree untransformed(int64_t number) const {
    const int64_t batch_size = options.batch_size;
    if (batch_size < 0) return observation(number);
    const auto start = number * batch_size + options.part.begin(whole(number));
    const auto length = numobs_of(number);
    if (options.collate) {
      if (length == 0)  // a batch of one observation says what its rows are
        return without_rows(options.collate({observation(number * batch_size)}));
      std::vector<Tree> observations;
      for (auto i = start; i < start + length; ++i) observations.push_back(observation(i));
      return options.collate(observations);
    }
    std::vector<Tree> parts;
    parts.reserve(tensors.size());
    for (size_t i = 0; i < tensors.size(); ++i) {
      parts.push_back(order.empty()
                          ? tensors[i].narrow(0, start, length)
                          : at::index_select(tensors[i], 0, order[i].narrow(0, start, length)));
    }
    return tree::unflatten(data, parts);
  }
};

// How far the copies of an epoch's iterator are. It lives as long as one of them.
struct Batches::Iterator::Epoch {
  uint64_t number;
  int64_t handed_out;
  bool ended = false;
};

Batches::Iterator::Iterator(std::shared_ptr<const Plan> plan, std::shared_ptr<Epoch> epoch)
    : plan_(std::move(plan)), epoch_(std::move(epoch)) {
  if (epoch_) position_ = epoch_->handed_out;
  const auto& options = plan_->options;
  if (!at_end() && options.num_workers > 0) {
    auto make = [plan = plan_](int64_t number) { return plan->batch(number); };
    workers_ = std::make_shared<detail::Prefetch>(
        make, position_, plan_->size, std::min(options.num_workers, plan_->size - position_),
        options.num_workers * options.prefetch);
  }
  if (!at_end()) batch_ = made_();
  record_();
}
Tree Batches::Iterator::made_() const {
  try {
    return workers_ ? workers_->take(position_) : plan_->batch(position_);
  } catch (Error& error) {
    error.append_(fmt::format("That was batch {} of epoch {}.", position_, plan_->epoch));
    throw;
  }
}
void Batches::Iterator::record_() {
  if (!epoch_) return;
  epoch_->ended = at_end();
  epoch_->handed_out = at_end() ? position_ : position_ + 1;
}
bool Batches::Iterator::at_end() const { return position_ >= plan_->size; }
Batches::Iterator& Batches::Iterator::operator++() {
  ++position_;
  // At the end, too: neither the last batch's memory nor the workers are kept.
  batch_ = at_end() ? Tree() : made_();
  if (at_end()) workers_.reset();
  record_();
  return *this;
}

DataLoader::DataLoader(Tree data, DataLoaderOptions options, Rng rng)
    : data_(std::move(data)),
      options_(std::move(options)),
      rng_(rng),
      numobs_(data::numobs(data_)) {
  auto& batch_size = options_.batch_size;
  if (batch_size == 0) {
    throw ArgumentError(
        "DataLoader",
        "expected a batch_size of at least 1, or below 0 for single observations, got 0.");
  }
  if (options_.num_workers < 0 || options_.prefetch < 1) {
    throw ArgumentError("DataLoader",
                        fmt::format("expected num_workers of at least 0 and prefetch of at "
                                    "least 1, got {} and {}.",
                                    options_.num_workers, options_.prefetch));
  }
  const Part& part = options_.part;
  check_part("DataLoader", part);
  if (part.of)
    luxtorch::detail::agree(
        Group(part.of), "DataLoader",
        {fmt::format("observations: {}", numobs_), fmt::format("batch_size: {}", batch_size),
         fmt::format("shuffle: {}", options_.shuffle), fmt::format("partial: {}", options_.partial),
         fmt::format("rng: {}", rng_.key())});
  if (part.count > 1 && batch_size < 0) {
    throw ArgumentError(
        "DataLoader",
        "expected a batch_size of at least 1, since each process gets a part of every "
        "batch, got single observations.");
  }
  if (numobs_ == 0) {
    throw ArgumentError(
        "DataLoader", "expected at least one observation, got none. Is a split of the data empty?");
  }
  if (batch_size > numobs_) {
    warning_ = "[DataLoader] expected at least batch_size = " + std::to_string(batch_size) +
               " observations, got " + std::to_string(numobs_) + ". The batch size is now " +
               std::to_string(numobs_) + ".";
    batch_size = numobs_;
  }
  if (batch_size < 0) {
    size_ = numobs_;
  } else {
    size_ = options_.partial ? (numobs_ + batch_size - 1) / batch_size : numobs_ / batch_size;
  }
}

Batches DataLoader::batches(uint64_t epoch) const {
  const Rng rng = rng_.fold_in(epoch);
  auto plan = std::make_shared<Batches::Iterator::Plan>(
      Batches::Iterator::Plan{.data = data_,
                              .tensors = tree::tensors(data_),
                              .order = {},
                              .indices = {},
                              .numobs = numobs_,
                              .size = size_,
                              .options = options_,
                              .epoch = epoch,
                              .transform_rng = rng.fold_in("transform")});
  if (options_.shuffle) {
    if (options_.batch_size < 0 || options_.collate) {
      plan->indices = random::permutation_indices(rng, numobs_);
    } else {
      auto order = random::permutation(rng, numobs_);
      for (const auto& t : plan->tensors) {
        bool again = !plan->order.empty() && plan->order.back().device() == t.device();
        plan->order.push_back(again ? plan->order.back() : order.to(t.device()));
      }
    }
  }
  return Batches(std::move(plan));
}

Batches::Iterator DataLoader::begin() {
  auto plan = batches(epoch_).plan_;
  auto epoch = std::make_shared<Batches::Iterator::Epoch>(
      Batches::Iterator::Epoch{.number = epoch_, .handed_out = std::exchange(skip_, 0)});
  ++epoch_;
  current_ = epoch;
  return Batches::Iterator(std::move(plan), std::move(epoch));
}

Tree DataLoader::position() const {
  auto current = current_.lock();
  bool inside = current && !current->ended;
  return named({{"rng", rng_},
                {"epoch", inside ? current->number : epoch_},
                {"batches", inside ? current->handed_out : skip_},
                {"numobs", numobs_},
                {"batch_size", options_.batch_size}});
}

void DataLoader::set_position_(const Tree& position) {
  auto of = [&](const char* key) { return position[key].scalar<int64_t>(); };
  auto rng = position["rng"].scalar<Rng>();
  auto epoch = of("epoch"), batches = of("batches");
  if (of("numobs") != numobs_ || of("batch_size") != options_.batch_size) {
    throw ArgumentError(
        "DataLoader", fmt::format("expected the position of a loader of {} observations in batches "
                                  "of {}, got that of {} in batches of {}. Are the data others?",
                                  numobs_, options_.batch_size, of("numobs"), of("batch_size")));
  }
  if (epoch < 0 || batches < 0 || batches > size_) {
    throw ArgumentError(
        "DataLoader", fmt::format("expected a position within {} batches of an epoch, got batch {} "
                                  "of epoch {}.",
                                  size_, batches, epoch));
  }
  rng_ = rng;
  epoch_ = static_cast<uint64_t>(epoch);
  skip_ = batches;
  current_.reset();
}

}  // namespace luxtorch::data
