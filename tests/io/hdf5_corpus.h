// Trees of every kind that a plain HDF5 file holds.
#pragma once

#include <vector>

#include "io/jld2_corpus.h"

namespace luxtorch::test {

std::vector<Sample> hdf5_corpus();

}  // namespace luxtorch::test
