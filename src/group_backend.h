// What implements a group of several processes (src/distributed).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "luxtorch/group.h"

namespace luxtorch::detail {

enum class Reduce { sum, max, min };

/// Every function throws a DistributedError where another process does not take part. Tensors are
/// contiguous, and have the same sizes and dtypes on all processes.
class GroupBackend {
 public:
  GroupBackend() = default;
  GroupBackend(const GroupBackend&) = delete;
  GroupBackend& operator=(const GroupBackend&) = delete;
  virtual ~GroupBackend() = default;

  virtual int64_t rank() const = 0;
  virtual int64_t size() const = 0;
  virtual int64_t local_rank() const = 0;
  virtual int64_t local_size() const = 0;

  /// The sum of a training step's message. Its size was agreed upon, so it takes one message alone.
  virtual void step_(const Tensor& t) = 0;
  virtual void all_reduce_(const Tensor& t, Reduce how) = 0;
  virtual void broadcast_(const Tensor& t, int64_t root) = 0;
  virtual void all_gather(const Tensor& out, const Tensor& in) = 0;
  virtual void reduce_scatter(const Tensor& out, const Tensor& in) = 0;
  virtual void barrier() = 0;
  virtual std::shared_ptr<GroupBackend> split(int64_t color) = 0;
  virtual void fail(const std::string& reason) = 0;

  /// Rank 0 judges the texts of all processes, by rank; its verdict, "" if all is well, goes to everybody. The
  /// texts may have any lengths: this is for what must be agreed upon before tensors are sent.
  virtual std::string judge(
      const std::string& text,
      const std::function<std::string(const std::vector<std::string>&)>& verdict) = 0;
};

/// FNV-1a of 64 bits of the count and the bytes, by words of 8.
int64_t hash_of(const void* bytes, size_t count);

/// Floating numbers in float32 at least, in which they are summed: a sum of 16 bits overflows. Other tensors as they are.
Tensor widened(const Tensor& t);

/// The first rank whose text is not rank 0's; 0 where all are the same.
size_t first_other(const std::vector<std::string>& texts);

/// Lines `what: value` must be the same on all processes. ArgumentError of `who` on all of them, which names the
/// first rank and line that differ from rank 0's.
void agree(const Group& group, const char* who, const std::vector<std::string>& lines);

/// A line for each leaf of t, `what path: dtype and shape`, for agree.
void add_structure(std::vector<std::string>& lines, const std::string& what, const Tree& t);

/// The tree of process `root`, whose structure was agreed upon; tensors on the devices of own's.
Tree broadcast_alike(const Group& group, const Tree& own, int64_t root = 0);

}  // namespace luxtorch::detail
