#include "luxtorch/io/jld2.h"

#include <unistd.h>

#include "io/hdf5/fault.h"
#include "io/jld2_load.h"
#include "luxtorch/core/error.h"

namespace luxtorch::jld2 {
namespace {

template <class Kind>
[[noreturn]] void rethrow(const char* who, const hdf5::Fault& fault,
                          const std::filesystem::path& path, const std::string& advice) {
  Kind error(who, "expected " + fault.expected + ", got " + fault.got +
                      (fault.julia_type.empty() ? "" : " in a " + fault.julia_type) + ". " +
                      advice);
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

Tree load_noted(const char* who, const std::filesystem::path& path, uint64_t memory_limit,
                Notes* notes) {
  if (memory_limit == 0) memory_limit = memory_of_the_machine();
  try {
    hdf5::File file(path, memory_limit);
    return Reader(file, notes).read();
  } catch (const hdf5::Fault& fault) {
    switch (fault.kind) {
      case hdf5::Fault::Kind::kPath:
        rethrow<ArgumentError>(who, fault, path, "Check the path.");
      case hdf5::Fault::Kind::kDamaged:
        rethrow<FormatError>(who, fault, path,
                             "The file is damaged or not a JLD2 file; save or copy it again.");
      case hdf5::Fault::Kind::kLimit:
        rethrow<FormatError>(who, fault, path,
                             "If you trust the file, load it with a larger memory_limit.");
      case hdf5::Fault::Kind::kUnsupported:
        rethrow<UnsupportedError>(
            who, fault, path,
            "Save it from Julia as NamedTuples of plain arrays, or without this part.");
    }
    throw;
  }
}

Tree load(const std::filesystem::path& path, LoadOptions options) {
  Notes notes;
  bool noting = options.report != nullptr;
  if (noting) *options.report = {};
  Tree tree = load_noted("jld2::load", path, options.memory_limit, noting ? &notes : nullptr);
  if (noting) *options.report = report_of(std::move(notes));
  return tree;
}

}  // namespace luxtorch::jld2
