#include "io/jld2/load.h"

#include <algorithm>

#include "io/base/fault.h"
#include "io/base/file_kind.h"
#include "io/base/physical_memory.h"
#include "luxtorch/io/jld2.h"

namespace luxtorch::jld2 {
namespace {

Report report_of(Notes notes) {
  Report report;
  report.left_out = notes.left_out;
  for (Note& note : notes.list)
    report.entries.push_back(
        {std::move(note.path), std::move(note.julia_type), std::move(note.problem)});
  return report;
}

Tree load_reporting(const char* who, const std::filesystem::path& path, const LoadOptions& options,
                    Rule rule) {
  Notes notes;
  bool noting = options.report != nullptr;
  if (noting) *options.report = {};
  auto format = rule == Rule::kJulia ? io::Format::kJld2 : io::Format::kHdf5;
  Tree tree = io::read_as(format, who, path, [&] {
    return load_noted(who, path, options.memory_limit, noting ? &notes : nullptr, rule);
  });
  if (noting) *options.report = report_of(std::move(notes));
  return tree;
}

}  // namespace

Tree load_noted(const char* who, const std::filesystem::path& path, uint64_t memory_limit,
                Notes* notes, Rule rule) {
  uint64_t unwritten_limit = std::max(memory_limit, hdf5::kMostUnwritten);
  uint64_t most_values = memory_limit / Reader::kNodeBytes;
  if (memory_limit == 0) memory_limit = io::physical_memory();
  io::FileWords words{who, path.string(), "a JLD2 file", ":",
                      "Save it from Julia as NamedTuples of plain arrays, or without this part."};
  if (rule == Rule::kPlainHdf5) {
    words.what = "an HDF5 file";
    words.if_unsupported = "If you trust the file, hdf5::load may read it, which uses libhdf5.";
  }
  return io::with_errors(words, [&] {
    hdf5::File file(path, memory_limit, unwritten_limit);
    return Reader(file, notes, rule, most_values).read();
  });
}

Tree load(const std::filesystem::path& path, LoadOptions options) {
  return load_reporting("jld2::load", path, options, Rule::kJulia);
}

Tree load_plain_hdf5(const char* who, const std::filesystem::path& path,
                     const LoadOptions& options) {
  return load_reporting(who, path, options, Rule::kPlainHdf5);
}

}  // namespace luxtorch::jld2
