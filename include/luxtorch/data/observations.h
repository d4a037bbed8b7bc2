// Choosing, changing, grouping and joining observations, and numbers of one scale.
//
//     auto positive = [](const Tree& one) { return one[1].tensor().item<double>() > 0; };
//     Tree some = data::filterobs(positive, tuple({x, y}));
//     Tree both = data::joinobs({some, data::randobs(tuple({x, y}), 10, rng)});
//     for (const Tree& window : data::slidingwindow(x, 24, 6)) data::numobs(window);    // 24 each
//
// Data is as dataset.h describes it; so are its errors. A function of an observation gets it without
// dimension 0, as getobs(data, i) gives it.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/data/dataset.h"
#include "luxtorch/tree.h"

namespace luxtorch::data {

/// The observations for which keep is true, in their order, as new tensors.
LUXTORCH_API Tree filterobs(const std::function<bool(const Tree& observation)>& keep,
                            const Tree& data);

/// What f makes of each observation, stacked along a new dimension 0. f is called at once, in order.
/// ArgumentError: no observations. TreeError: results of different structures; torch's error: tensors
/// of different shapes.
LUXTORCH_API Tree mapobs(const std::function<Tree(const Tree& observation)>& f, const Tree& data);

/// The observations by the number that label gives each of them, in their order within a group.
LUXTORCH_API std::map<int64_t, Tree> groupobs(
    const std::function<int64_t(const Tree& observation)>& label, const Tree& data);

/// The observations of all, one after another. ArgumentError: nothing to join. TreeError: other
/// structures; torch's error: observations of other shapes.
LUXTORCH_API Tree joinobs(const std::vector<Tree>& all);

/// n observations, each drawn from all of them, so one may come twice. ArgumentError: a negative n, or
/// no observations.
LUXTORCH_API Tree randobs(const Tree& data, int64_t n, Rng rng);

/// All observations without dimension 0, as views: the inverse of stacking them.
LUXTORCH_API std::vector<Tree> unbatch(const Tree& data);

/// Windows of `size` observations one after another, as views; each begins `stride` after the one
/// before. Observations at the end that fill no window are left out. ArgumentError: a size outside [1,
/// numobs], a stride below 1.
LUXTORCH_API std::vector<Tree> slidingwindow(const Tree& data, int64_t size, int64_t stride = 1);

/// (x - mean) / (std + epsilon) with mean and (biased) standard deviation over dim: a scale of 1 for
/// each feature. MLUtils' normalise. ShapeError: x is not floating, or has no dimension dim or no
/// elements.
LUXTORCH_API Tensor normalise(const Tensor& x, int64_t dim = 0, double epsilon = 1e-5);

/// (x - min) / (max - min) over dim: each feature from 0 to 1. A constant feature gives 0. ShapeError:
/// as normalise's.
LUXTORCH_API Tensor rescale(const Tensor& x, int64_t dim = 0);

}  // namespace luxtorch::data
