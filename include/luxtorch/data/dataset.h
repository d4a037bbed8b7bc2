// Observations: counting them, taking some, splitting and shuffling them.
//
//     auto all = tuple({x, y});                                       // (1000, 50, 2) and (1000)
//     auto [train, validation] = data::splitobs(all, 0.8, Rng(0));    // 800 and 200 of them, shuffled
//     auto [x_train, y_train] = train.tensors<2>();
//     Tree three = data::getobs(all, {4, 0, 4});                      // (3, 50, 2) and (3)
//     Tree own = data::part_of(all, group.part());                    // this process' share of them
//
// Data is a tensor, or a tuple or named tree of tensors at any depth. Dimension 0 of each tensor is
// that of the observations, and all tensors must have the same number of them. Everything else is
// an error: TreeError for a leaf that is not a tensor and for a tree without tensors, ShapeError
// for a tensor of no dimensions and for tensors that disagree (the message names both).
#pragma once

#include <array>
#include <concepts>
#include <optional>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/group.h"
#include "luxtorch/tree.h"

namespace luxtorch::data {

/// The number of observations: the size of dimension 0 of all tensors. TreeError, ShapeError: not
/// data as described above.
LUXTORCH_API int64_t numobs(const Tree& data);

/// One observation, without dimension 0, as views. ArgumentError: an index outside [0, numobs).
template <Integer I>
Tree getobs(const Tree& data, I index);
/// The observations at the indices, in that order, as new tensors. ArgumentError: an index outside
/// [0, numobs).
LUXTORCH_API Tree getobs(const Tree& data, const std::vector<int64_t>& indices);
/// The same with indices (k) int64, on any device; ShapeError: other indices.
LUXTORCH_API Tree getobs(const Tree& data, const Tensor& indices);

/// The observations in random order, as new tensors. The key alone decides the order.
LUXTORCH_API Tree shuffleobs(const Tree& data, Rng rng);

/// The first part of the data and the rest: views of it, or of shuffleobs(data, *rng) when there is
/// an rng.
///
/// at: a fraction of the n observations (a floating-point number from 0 to 1), which makes a first
/// part of n * at observations, rounded to the nearest integer (ties to even); or a count (an
/// integer). So 1 is one observation, and 1.0 is all of them. ArgumentError: a negative number, or
/// more than there are.
template <class N>
  requires(std::floating_point<N> || Integer<N>)
std::array<Tree, 2> splitobs(const Tree& data, N at, std::optional<Rng> rng = {});
/// The same for several numbers, as in splitobs(data, {0.7, 0.1}): a part for each, then the rest.
template <class N, size_t K>
  requires(std::floating_point<N> || Integer<N>)
std::array<Tree, K + 1> splitobs(const Tree& data, const N (&at)[K], std::optional<Rng> rng = {});
/// The same for fractions whose number is known at run time.
LUXTORCH_API std::vector<Tree> splitobs(const Tree& data, const std::vector<double>& fractions,
                                        std::optional<Rng> rng = {});
/// The same for counts whose number is known at run time.
LUXTORCH_API std::vector<Tree> splitobs(const Tree& data, const std::vector<int64_t>& counts,
                                        std::optional<Rng> rng = {});

/// The observations [n index / count, n (index + 1) / count) of n, as views: what Lux's
/// DistributedDataContainer holds, with group.part(). The parts together are the data, and differ by one
/// observation at most; where there are fewer observations than parts, some have none. A DataLoader of a part
/// counts the batches of that part alone, which may be one more than another's; for training steps of a whole
/// batch DataLoaderOptions::part divides each batch instead. ArgumentError: a part outside of its count.
LUXTORCH_API Tree part_of(const Tree& data, Part part);
/// The same of a list: texts, windows, files.
template <class T>
std::vector<T> part_of(const std::vector<T>& data, Part part);

namespace detail {

LUXTORCH_API Tree observation(const Tree& data, int64_t index);
LUXTORCH_API void check_part(Part part);

template <class N, size_t K>
std::array<Tree, K + 1> split_into(const Tree& data, const N (&at)[K], std::optional<Rng> rng) {
  using Number = std::conditional_t<std::floating_point<N>, double, int64_t>;
  auto parts = splitobs(data, std::vector<Number>(at, at + K), rng);
  std::array<Tree, K + 1> result;
  for (size_t i = 0; i <= K; ++i) result[i] = std::move(parts[i]);
  return result;
}

}  // namespace detail

template <Integer I>
Tree getobs(const Tree& data, I index) {
  return detail::observation(data, static_cast<int64_t>(index));
}
template <class T>
std::vector<T> part_of(const std::vector<T>& data, Part part) {
  detail::check_part(part);
  const auto n = static_cast<int64_t>(data.size());
  return {data.begin() + part.begin(n), data.begin() + part.end(n)};
}
template <class N>
  requires(std::floating_point<N> || Integer<N>)
std::array<Tree, 2> splitobs(const Tree& data, N at, std::optional<Rng> rng) {
  const N numbers[] = {at};
  return detail::split_into(data, numbers, rng);
}
template <class N, size_t K>
  requires(std::floating_point<N> || Integer<N>)
std::array<Tree, K + 1> splitobs(const Tree& data, const N (&at)[K], std::optional<Rng> rng) {
  return detail::split_into(data, at, rng);
}

}  // namespace luxtorch::data
