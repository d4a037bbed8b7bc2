// What loading a file could not turn into a value of a Tree.
//
//     io::Report report;
//     Tree file = io::load("checkpoint.pt", {.report = &report});
//     for (const auto& hole : report.entries) std::cerr << hole.path << ": " << hole.problem << "\n";
//
// Level 2: the end of the data flow, trees to files.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace luxtorch::io {

/// What load found that is no value of a kind that a Tree has. A value that several places of a file
/// share is named once.
struct Report {
  static constexpr size_t kMostEntries = 10'000;

  struct Entry {
    std::string path;     // "st_trained.layer_2.rng"
    std::string type;     // as the format names it, "LinearAlgebra.Adjoint{...}"; "": not said
    std::string problem;  // "": the tree has its parts there; else why it has none there
  };
  std::vector<Entry> entries;
  size_t left_out = 0;  // those beyond kMostEntries

  void add(Entry entry) {
    if (entries.size() < kMostEntries) {
      entries.push_back(std::move(entry));
    } else {
      ++left_out;
    }
  }
};

}  // namespace luxtorch::io
