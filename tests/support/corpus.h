// One list of every layer with every option that changes what it computes. A property of all layers
// is a test over this list, which tests/registrations fill (registration.h).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "luxtorch/layer.h"

namespace luxtorch::testing {

struct CorpusRow {
  std::string name;  // of letters and digits, for the test's name
  Layer layer;
  // The same layer without erasure.
  std::function<Out<Tree>(const Tree& x, const Tree& ps, const Tree& st)> typed;
  // What a summary sees of one such call.
  std::function<Summary(const Tree& x, const Tree& ps, const Tree& st)> seen;
  Tree x;                          // float32
  int64_t parameters, states;      // how many there are, as Lux counts
  int64_t x_rows = 0, y_rows = 0;  // the dimension of the batch's rows in x's and y's tensors
  bool has_rows = true;            // no: unbatched, or the rows meet even in test mode
  bool draws_normals = false;      // its first parameters or states do
  bool reports = true;             // no: a function or a user's own, whose typed call is not seen
};

// The rows of all registrations.
const std::vector<CorpusRow>& corpus();

std::ostream& operator<<(std::ostream& out, const CorpusRow& row);

}  // namespace luxtorch::testing
