// Trees of every kind that a JLD2 file holds, and their text for comparing with other readers.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "luxtorch/tree.h"
#include "support/files.h"

namespace luxtorch::test {

struct Sample {
  std::string name;
  Tree tree;
};

/// -3, -2.875, -2.75 ... row by row; in the shape (2, 3) where none is given.
Tensor counting(at::IntArrayRef shape, Dtype dtype);
Tensor counting(Dtype dtype);

/// Roots that jld2::save takes, small and large.
std::vector<Sample> jld2_corpus();

/// A tree as JSON that loses no bit: numbers as the hexadecimal digits of their bytes.
std::string exact_json(const Tree& tree);

/// Compares every FILE.jld2 of a folder that has a FILE.json (of exact_json) with what
/// tools/verify_jld2.py reads, by compare_jld2.py; 0 where all are equal, else it prints why not.
int compare_with_checker(const std::filesystem::path& folder, const std::string& option = "");

/// Is one file a JLD2 file for JLD2 0.4.24 and later, as far as tools/verify_jld2.py tells without
/// its values? 0 for yes, else it prints why not.
int check_file(const std::filesystem::path& file);

}  // namespace luxtorch::test
