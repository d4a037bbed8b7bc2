// jld2::add.
#include "io/jld2/load.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/jld2.h"

namespace luxtorch::jld2 {
namespace {

constexpr const char* kAdd = "jld2::add";

template <class Kind>
[[noreturn]] void refuse(const std::string& path, const std::string& message) {
  Kind error(kAdd, message);
  error.prepend_path_(path);
  throw error;
}

}  // namespace

void add(const std::filesystem::path& path, const std::string& name, const Tree& tree,
         SaveOptions options) {
  check_writable(path);
  Notes notes;
  Tree variables = load_noted(kAdd, io::InputFile(kAdd, path), 0, &notes);
  if (!notes.is_jld2)
    refuse<UnsupportedError>(path.string(),
                             "expected a file of JLD2's, got a plain HDF5 file. Add to it with an "
                             "HDF5 program, or load it and save a new file.");
  if (notes.changing)
    refuse<UnsupportedError>(path.string() + ":" + notes.changing->path,
                             "expected values that can be written back as they are, got " +
                                 notes.changing->julia_type +
                                 ". Add from Julia, or load the file and save a new one.");
  std::vector<Tree::Item> items(variables.items().begin(), variables.items().end());
  for (const auto& [there, value] : items)
    if (there == name)
      refuse<ArgumentError>(path.string(), "expected a name that the file does not have, got " +
                                               name + ". Choose another name.");
  items.emplace_back(name, tree);
  save(path, named(std::move(items)), options);
}

}  // namespace luxtorch::jld2
