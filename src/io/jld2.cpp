#include "luxtorch/io/jld2.h"

#include <unistd.h>

#include "io/hdf5/fault.h"
#include "io/jld2/reader.h"
#include "luxtorch/core/error.h"

namespace luxtorch::jld2 {
namespace {

template <class Kind>
[[noreturn]] void rethrow(const hdf5::Fault& fault, const std::filesystem::path& path,
                          const std::string& advice) {
  Kind error("jld2::load", "expected " + fault.expected + ", got " + fault.got +
                               (fault.julia_type.empty() ? "" : " in a " + fault.julia_type) +
                               ". " + advice);
  error.prepend_path_(fault.path.empty() ? path.string() : path.string() + ":" + fault.path);
  throw error;
}

Report report_of(Notes notes) {
  Report report;
  report.left_out = notes.left_out;
  for (Note& note : notes.list)
    report.entries.push_back(
        {std::move(note.path), std::move(note.julia_type), std::move(note.problem)});
  return report;
}

uint64_t memory_of_the_machine() {
  long pages = ::sysconf(_SC_PHYS_PAGES);
  long page = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(page)
                               : UINT64_MAX;
}

}  // namespace

Tree load(const std::filesystem::path& path, LoadOptions options) {
  if (options.report != nullptr) *options.report = {};
  if (options.memory_limit == 0) options.memory_limit = memory_of_the_machine();
  try {
    hdf5::File file(path, options.memory_limit);
    Notes notes;
    Tree tree = Reader(file, options.report == nullptr ? nullptr : &notes).read();
    if (options.report != nullptr) *options.report = report_of(std::move(notes));
    return tree;
  } catch (const hdf5::Fault& fault) {
    switch (fault.kind) {
      case hdf5::Fault::Kind::kPath:
        rethrow<ArgumentError>(fault, path, "Check the path.");
      case hdf5::Fault::Kind::kDamaged:
        rethrow<FormatError>(fault, path,
                             "The file is damaged or not a JLD2 file; save or copy it again.");
      case hdf5::Fault::Kind::kLimit:
        rethrow<FormatError>(fault, path,
                             "If you trust the file, load it with a larger memory_limit.");
      case hdf5::Fault::Kind::kUnsupported:
        rethrow<UnsupportedError>(
            fault, path,
            "Save it from Julia as NamedTuples of plain arrays, or without this part.");
    }
    throw;
  }
}

}  // namespace luxtorch::jld2
