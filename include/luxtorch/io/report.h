// What loading a file could not turn into a value of a Tree.
//
//     io::Report report;
//     Tree file = io::load("checkpoint.pt", {.report = &report});
//     for (const auto& hole : report.entries) std::cerr << hole.path << ": " << hole.problem << "\n";
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace luxtorch::io {

/// The values of a file that are not of a kind that a Tree holds. A value that several places of a
/// file share has one entry.
struct Report {
  /// The most entries that a report keeps.
  static constexpr size_t kMostEntries = 10'000;

  /// One such value.
  struct Entry {
    std::string path;     ///< Its place in the file, "st_trained.layer_2.rng".
    std::string type;     ///< In the format's words, "LinearAlgebra.Adjoint{...}"; "": not known.
    std::string problem;  ///< Why the tree has none there; "": it has the value's parts.
  };
  std::vector<Entry> entries;  ///< In the order in which load found them.
  size_t left_out = 0;         ///< The number of entries beyond kMostEntries.

  /// Appends an entry, or counts it in left_out where there are kMostEntries already.
  void add(Entry entry) {
    if (entries.size() < kMostEntries) {
      entries.push_back(std::move(entry));
    } else {
      ++left_out;
    }
  }
};

}  // namespace luxtorch::io
