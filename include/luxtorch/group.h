// Group: processes that work together.
//
//     Group group = distributed::init();              // of this process alone where no launcher started more
//     Tensor all = group.sum(tensor({1.0}));          // the number of processes
//     Tree mean = group.mean(named({{"loss", loss}}), rows);
//     if (group.is_root()) std::cout << mean;
//
// A group is a value; copies are the same group. All its processes make the same calls in the same order,
// each from one thread at a time. A group of one process does nothing and costs nothing, so a program needs
// no second version for one process.
//
// Where a process ends, does not answer, or makes other calls than the others, the others get a
// DistributedError. The group cannot be used any more then: each later call throws the same error.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/core/error.h"
#include "luxtorch/tree.h"

namespace luxtorch {

/// Another process of a group failed, or does not answer (group.h).
class LUXTORCH_API DistributedError : public Error {
 public:
  /// rank: of the process that failed; below 0: unknown.
  DistributedError(std::string message, int64_t rank);
  /// The rank of the process that failed; below 0: unknown.
  int64_t rank() const { return rank_; }

 private:
  int64_t rank_;
};

namespace detail {
class GroupBackend;
}

/// A part of what is divided among `count`: the rows [n index / count, n (index + 1) / count) of n.
struct Part {
  int64_t index = 0;  ///< From 0.
  int64_t count = 1;  ///< At least 1.
  /// Of Group::part(): those who have the other parts, so that a DataLoader compares itself with theirs.
  std::shared_ptr<detail::GroupBackend> of = {};

  /// The first row of the part of n rows.
  int64_t begin(int64_t n) const { return n * index / count; }
  /// The row behind its last one.
  int64_t end(int64_t n) const { return n * (index + 1) / count; }
};

/// Processes that work together (see the head of this file; torch.distributed's process group).
class LUXTORCH_API Group {
 public:
  /// This process alone.
  Group() = default;

  int64_t rank() const;        ///< This process' number, from 0 to size() - 1.
  int64_t size() const;        ///< The number of processes.
  int64_t local_rank() const;  ///< This process' number among those of its machine.
  /// The number of processes on this machine. Where the launcher does not say it, all of them.
  int64_t local_size() const;
  /// Whether this is rank 0, which writes files and prints.
  bool is_root() const { return rank() == 0; }
  /// {rank(), size()} of this group, for DataLoaderOptions::part.
  Part part() const { return {rank(), size(), backend_}; }

  /// The sum over all processes, the same bits on each. t has the same shape and dtype on all of them; here and below
  /// a ShapeError for a dtype that is not floating, int32, int64 or uint8.
  Tensor sum(const Tensor& t) const;
  void sum_(const Tensor& t) const;   ///< sum in place; t is contiguous.
  Tensor max(const Tensor& t) const;  ///< The elementwise maximum over all processes.
  Tensor min(const Tensor& t) const;  ///< The elementwise minimum over all processes.
  /// The sum of each tensor, int64 and double, in one message per dtype. Other leaves are this process'.
  Tree sum(const Tree& t) const;
  /// sum(weight * t) / sum(weight) of each floating tensor and double. weight: the rows that this process'
  /// values are means over, for example; 0 for none. Other leaves are this process'. ArgumentError: a weight
  /// below 0, NaN or infinite, or 0 on all processes.
  Tree mean(const Tree& t, double weight = 1) const;
  /// Any tree of process `root`, on all processes; what the others give is ignored. Tensors are on the CPU
  /// where they were sent. ArgumentError: a root outside of the group.
  Tree broadcast(const Tree& t, int64_t root = 0) const;
  /// The trees of all processes, by rank. Tensors of others are on the CPU.
  std::vector<Tree> gather(const Tree& t) const;
  /// (n, ...) of each process -> (size() * n, ...), by rank. The same shape on all of them.
  Tensor all_gather(const Tensor& t) const;
  /// (size() * n, ...) -> (n, ...): the sum over all processes, of which each gets its part. ShapeError: a
  /// dimension 0 that size() does not divide.
  Tensor reduce_scatter(const Tensor& t) const;
  /// Waits until all processes are here.
  void barrier() const;
  /// The group of those processes that give the same color, in the order of their ranks.
  Group split(int64_t color) const;

  /// Tells the others that this process failed, and why, and leaves the group. Training steps do it where an
  /// exception leaves them.
  void fail_(const std::string& reason) const;

  /// For what implements a group.
  explicit Group(std::shared_ptr<detail::GroupBackend> backend);
  /// The same; nullptr for one process.
  const std::shared_ptr<detail::GroupBackend>& backend() const { return backend_; }

 private:
  std::shared_ptr<detail::GroupBackend> backend_;
};

/// Whether a tree is the same on all processes, bit by bit: keys, shapes, dtypes and values.
LUXTORCH_API bool all_equal(const Group& group, const Tree& t);

/// The tree of process `root` on all processes (Lux's synchronize!!), tensors on the devices of t's. ArgumentError on
/// all of them, which names the rank and the leaf: a tree of another structure.
LUXTORCH_API Tree synchronize(const Group& group, const Tree& t, int64_t root = 0);

}  // namespace luxtorch
