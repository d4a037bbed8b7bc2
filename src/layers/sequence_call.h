// What a call of a layer of sequences has in it, and what comes out of running a cell over it.
//
// A call is x, (x, carry), (x, lengths) or (x, carry, lengths): integers in the second place are
// lengths, everything else there is a carry.
#pragma once

#include <string>
#include <typeinfo>

#include "layers/check.h"
#include "luxtorch/layers/recurrent.h"

namespace luxtorch::detail {

/// The layer that the user called, which complains if something is wrong with the call.
struct Owner {
  template <class L>
  explicit Owner(const L& layer) : address(&layer), type(&typeid(L)) {}
  const void* address;
  const std::type_info* type;

  template <class Kind = ShapeError>
  [[noreturn]] void refuse(std::string message) const {
    Kind error(type_name(*type), std::move(message));
    error.thrown_by_(address, *type);
    throw error;
  }
};

struct SequenceInput {
  Tensor x;
  const Tree* carry = nullptr;  // nullptr: the cell's initial one
  Tensor lengths = {};          // as given: any integers; undefined: none
};

/// Anything but the four forms of a call is a TreeError.
SequenceInput sequence_input(const Owner& owner, const Tree& x);
SequenceInput sequence_input(const Owner& owner, const Tensor& x, const Tree& carry_or_lengths);
SequenceInput sequence_input(const Owner& owner, const Tensor& x, const Tree& carry,
                             const Tensor& lengths);

/// Is x one sequence without a batch: features (time, in), or tokens (time)?
bool is_unbatched(const Tensor& x);

/// Lengths as the operators want them, int64 (batch) on the CPU, from `given` of x's batch shape,
/// each 0 to x's number of steps; undefined where all rows have all steps. An x of too low a rank is
/// left to the cell to refuse.
Tensor checked_lengths(const Owner& owner, const Tensor& x, const Tensor& given, bool time_first);

/// One run of one cell: the call with checked lengths, and how.
struct SequenceCall {
  const Owner& owner;
  const SequenceInput& in;
  bool time_first, reverse;
  bool all;  // every step's y, not each row's last
};

struct SequenceRun {
  Tensor y;
  Tree carry, st;
};

/// Two cells over one sequence, the second in reverse.
struct BothRun {
  Tensor forward, backward;
  Tree carry, st;  // {forward_rnn, backward_rnn}
};
BothRun run_both(const SequenceCell& forward, const SequenceCell& backward,
                 const SequenceCall& call, const Tree& ps, const Tree& st);

/// The part of a carry that belongs to a part of the layer; nullptr of none.
const Tree* carry_part(const Owner& owner, const Tree* carry, const std::string& name);

}  // namespace luxtorch::detail
