#include "io/jld2/load.h"

#include <algorithm>

#include "io/base/fault.h"
#include "io/base/physical_memory.h"
#include "io/hdf5/signature.h"

namespace luxtorch::jld2 {
namespace {

constexpr const char* kLoad = "jld2::load";

Report report_of(Notes notes) {
  Report report;
  report.left_out = notes.left_out;
  for (Note& note : notes.list)
    report.entries.push_back(
        {std::move(note.path), std::move(note.julia_type), std::move(note.problem)});
  return report;
}

// A zip archive may have an HDF5 file in it.
bool is_hdf5(const io::Content& file) {
  return !file.start().starts_with("PK") && hdf5::is_hdf5(file.file());
}

Tree load_reporting(const char* who, const io::Content& file, const LoadOptions& options,
                    Rule rule) {
  Notes notes;
  bool noting = options.report != nullptr;
  if (noting) *options.report = {};
  io::FileType expected{rule == Rule::kJulia ? kType.what : kPlainHdf5Type.what, is_hdf5};
  Tree tree = io::read_as(expected, who, file, [&] {
    return load_noted(who, file.file(), options.memory_limit, noting ? &notes : nullptr, rule);
  });
  if (noting) *options.report = report_of(std::move(notes));
  return tree;
}

// In the text before the HDF5 file proper.
bool has_text_of_jld2(const io::Content& file) {
  return file.start().starts_with("HDF5-based Julia Data Format") ||
         file.start().starts_with("Julia data file (HDF5)");
}

}  // namespace

bool is_jld2(const io::Content& file) { return has_text_of_jld2(file) && is_hdf5(file); }
bool is_plain_hdf5(const io::Content& file) { return !has_text_of_jld2(file) && is_hdf5(file); }

Tree load_noted(const char* who, const io::InputFile& file, uint64_t memory_limit, Notes* notes,
                Rule rule) {
  uint64_t unwritten_limit = std::max(memory_limit, hdf5::kMostUnwritten);
  uint64_t most_values = memory_limit / Reader::kNodeBytes;
  if (memory_limit == 0) memory_limit = io::physical_memory();
  io::FileWords words{who, file.name(), kType.what, ":",
                      "Save it from Julia as NamedTuples of plain arrays, or without this part."};
  if (rule == Rule::kPlainHdf5) {
    words.what = kPlainHdf5Type.what;
    words.if_unsupported = "If you trust the file, hdf5::load_with_libhdf5 may read it.";
  }
  return io::with_errors(words, [&] {
    hdf5::File objects(file, memory_limit, unwritten_limit);
    return Reader(objects, notes, rule, most_values).read();
  });
}

Tree load(const io::Content& file, const LoadOptions& options) {
  return load_reporting(kLoad, file, options, Rule::kJulia);
}

Tree load(const std::filesystem::path& path, LoadOptions options) {
  io::InputFile file(kLoad, path);
  return load(io::Content(file), options);
}

Tree load(std::span<const std::byte> bytes, LoadOptions options) {
  io::InputFile file(kLoad, bytes);
  return load(io::Content(file), options);
}

Tree load_plain_hdf5(const char* who, const io::Content& file, const LoadOptions& options) {
  return load_reporting(who, file, options, Rule::kPlainHdf5);
}

}  // namespace luxtorch::jld2
