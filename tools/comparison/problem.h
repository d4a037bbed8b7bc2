// What a case is run on: the first parameters, batches, an optimiser, from a file of problem_file.py.
#pragma once

#include <string>
#include <vector>

#include "case.h"
#include "luxtorch/optim/optim.h"

namespace comparison {

struct Problem {
  Case what;
  luxtorch::Tree ps, st;
  std::vector<luxtorch::Tree> batches;  // tuples (x, y); step i takes batch i modulo their number
  luxtorch::Optimizer optimiser;

  const luxtorch::Tree& batch(int64_t step) const { return batches[step % batches.size()]; }
};

/// A std::exception that says what is wrong with the file, or with the parameters for the model.
Problem read_problem(const std::string& path);

}  // namespace comparison
