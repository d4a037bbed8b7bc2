// The part of flat arrays whose moments a process keeps.
//
//     Shard shard(group);                                  // of several processes
//     auto moments = shard.filled(layout, 0);              // of the own part alone
//     Tensor m = shard.view(layout, moments, array);       // what of the array lies in it
//
// Level 4. Each flat array is cut into as many equal parts as there are processes, at multiples of 64
// bytes of its parameters and across them. An optimizer's rules work on the own part, whose parameters
// then go to all processes (ZeRO stage 1, Rajbhandari et al. 2020). Without a group the part is everything.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "luxtorch/group.h"
#include "optim/layout.h"
#include "optim/program.h"

namespace luxtorch::detail {

/// Elements of a flat array.
struct FlatRange {
  int64_t begin = 0, end = 0;
  int64_t numel() const { return end - begin; }
};

class Shard {
 public:
  /// Everything.
  Shard() = default;
  explicit Shard(Group group) : group_(std::move(group)) {}

  bool is_everything() const { return group_.size() == 1; }
  bool is_root() const { return group_.is_root(); }

  /// How many elements each part has, and all of them: the last ones may be gaps.
  int64_t part_numel(const Layout::Group& g) const;
  int64_t padded_numel(const Layout::Group& g) const;
  /// The elements of the own part, without gaps behind the last parameter.
  FlatRange range(const Layout::Group& g) const;
  /// Those of an array; empty where it lies in other parts.
  FlatRange range(const Layout& layout, size_t array) const;

  /// Own parts of one value in the dtypes that optimizers compute in, one per group of the layout.
  std::vector<Tensor> filled(const Layout& layout, double value) const;
  /// What of the array lies in own parts, as a fresh alias: of the array's shape where the part is
  /// everything, else flat.
  Tensor view(const Layout& layout, const std::vector<Tensor>& parts, size_t array) const;
  /// The same of a tensor that holds the whole array.
  Tensor cut(const Layout& layout, size_t array, const Tensor& whole) const;

  /// Flat arrays of padded_numel elements get the parts of all processes. A DistributedError leaves
  /// some of them there.
  void share_(const std::vector<Tensor>& flat) const;
  /// Whole flat arrays of everybody's parts, where `keep`; all processes take part.
  std::vector<Tensor> gather(const std::vector<Tensor>& parts, bool keep) const;
  /// Of sums of |x|^p over own parts the sums over all processes; of maxima where p is infinite. The same
  /// bits on each process.
  void combine_(std::vector<double>& power_sums, double p) const;

 private:
  Group group_;
};

/// UnsupportedError of TrainState for an optimizer with a stage that needs whole arrays.
void check_works_on_parts(const Program& program);

}  // namespace luxtorch::detail
