// Trees as groups and datasets of libhdf5.
#pragma once

#include "io/libhdf5/file_driver.h"
#include "luxtorch/tree.h"

namespace luxtorch::hdf5 {

/// Throws UnsupportedError in the name of hdf5::save for the first part, with its path, that no file can
/// hold.
void check_tree(const Tree& tree);

/// Writes a file with a tree that check_tree passed: one that every reader since HDF5 1.8 knows, whose
/// groups keep the order of creation. Throws Hdf5Error; what the disk refused the driver tells.
void write_tree(FileDriver& driver, const Tree& tree, bool compress);

}  // namespace luxtorch::hdf5
