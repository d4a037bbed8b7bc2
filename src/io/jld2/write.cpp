// jld2::save and jld2::check_writable, on libhdf5.
#include <optional>

#include "io/base/atomic_file.h"
#include "io/jld2/value_writer.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/jld2.h"

namespace luxtorch::jld2 {
namespace {

constexpr const char* kSave = "jld2::save";

// JLD2.jl looks for the first part; the rest says which Julia writes such files.
constexpr std::string_view kHeader{
    "HDF5-based Julia Data Format, version 0.1.1\0 (Julia 1.10.0 64-bit LE)\0", 70};
static_assert(kHeader.back() == '\0' && kHeader[43] == '\0');

struct Variable {
  std::string name;
  Tree value;
  WriteTypePtr type;
};

std::vector<Variable> checked(const Tree& variables, WriteTypes& types) {
  if (!variables.is_named())
    throw TreeError(kSave,
                    "expected a named tree whose keys are the variables' names, got another tree. "
                    "Save named({{\"name\", tree}}).");
  std::vector<Variable> result;
  auto names = WriteTypes::names_of("", variables);
  for (const auto& [key, value] : variables.items()) {
    const auto& name = names[result.size()];
    if (name.find('/') != std::string::npos || name == "_types" || name == ".") {
      UnsupportedError error(
          kSave, "expected a variable's name without '/' that is not _types, got " + name +
                     ". Rename it.");
      error.prepend_path_(key);
      throw error;
    }
    result.push_back({name, value, types.of(key, value)});
  }
  return result;
}

void write(const std::vector<Variable>& variables, bool compress, io::AtomicFile& target) {
  hdf5::Turn turn;
  hdf5::FileDriver driver(target);
  try {
    std::vector<std::string> names;
    for (const Variable& variable : variables) names.push_back(variable.name);
    Hdf5Writer file(driver, names);
    {
      ValueWriter values(file, compress);
      for (const Variable& variable : variables)
        values.write(variable.name, variable.value, *variable.type);
    }
    file.finish();
  } catch (const hdf5::Hdf5Error& error) {
    driver.finish();
    throw UnsupportedError(
        kSave, std::string("expected a tree that libhdf5 writes, got: ") + error.what() + ".");
  } catch (const H5::Exception& error) {
    driver.finish();
    throw UnsupportedError(
        kSave, "expected a tree that libhdf5 writes, got: " + error.getDetailMsg() + ".");
  }
  driver.finish();
}

}  // namespace

void save(const std::filesystem::path& path, const Tree& variables, SaveOptions options) {
  WriteTypes types;
  std::vector<Variable> list = checked(variables, types);
  io::AtomicFile file(kSave, path);
  write(list, options.compress, file);
  file.write_at(0, kHeader);
  file.commit();
}

void check_writable(const std::filesystem::path& path) { io::AtomicFile(kSave, path); }

}  // namespace luxtorch::jld2
