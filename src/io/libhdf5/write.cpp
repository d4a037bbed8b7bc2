// hdf5::save, on libhdf5.
#include "io/base/atomic_file.h"
#include "io/libhdf5/writer.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/hdf5.h"

namespace luxtorch::hdf5 {
namespace {

constexpr const char* kSave = "hdf5::save";

}  // namespace

void save(const std::filesystem::path& path, const Tree& tree, SaveOptions options) {
  check_tree(tree);
  io::AtomicFile file(kSave, path);
  Turn turn;
  FileDriver driver(file);
  try {
    write_tree(driver, tree, options.compress);
  } catch (const Hdf5Error& error) {
    driver.finish();
    throw UnsupportedError(
        kSave, std::string("expected a tree that libhdf5 writes, got: ") + error.what() + ".");
  }
  driver.finish();
  file.commit();
}

}  // namespace luxtorch::hdf5
