// hdf5::save and h5py, both ways.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "io/hdf5_corpus.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/io.h"
#include "support/files.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// What exact_json and h5py do not take: NUL in texts, undefined tensors, complex32.
const std::set<std::string> kOursAlone = {"a_string", "strings", "undefined", "complex"};

std::string refusal(const std::function<Tree()>& load) {
  try {
    load();
    return "";
  } catch (const UnsupportedError& error) {
    return error.message();
  }
}

void expect_same(const Tree& tree, const json& expected, const char* reader) {
  json exact = json::parse(test::exact_json(tree));
  EXPECT_TRUE(exact == expected) << reader << ": "
                                 << json::diff(expected, exact).dump().substr(0, 500);
}

void expect_read(const fs::path& path) {
  SCOPED_TRACE(path.filename());
  try {
    json expected = json::parse(test::read_file(fs::path(path).replace_extension(".json")));
    const json& tree = expected["tree"];
    std::string plugin = expected["plugin"];
    std::string missing =
        plugin.empty() ? "" : refusal([&] { return hdf5::load_with_libhdf5(path); });
    if (!missing.empty())
      EXPECT_NE(missing.find(plugin), std::string::npos) << missing;
    else if (tree.is_string())
      EXPECT_TRUE(refusal([&] {
                    return hdf5::load_with_libhdf5(path);
                  }).starts_with("expected " + tree.get<std::string>()));
    else
      expect_same(hdf5::load_with_libhdf5(path), tree, "hdf5::load_with_libhdf5");
    if (expected["checked"].get<bool>())
      expect_same(io::load(path), tree, "io::load");
    else if (!tree.is_string())
      EXPECT_NE(refusal([&] { return io::load(path); }).find("hdf5::load_with_libhdf5"),
                std::string::npos);
    else
      EXPECT_THROW(io::load(path), UnsupportedError);
  } catch (const Error& error) {
    ADD_FAILURE() << error.what();
  }
}

TEST(Hdf5Python, FilesGoBothWaysWithH5py) {
  auto folder = test::fresh_folder("hdf5_python");
  fs::create_directories(folder / "ours");
  for (const auto& [name, tree] : test::hdf5_corpus()) {
    if (kOursAlone.contains(name)) continue;
    hdf5::save(folder / "ours" / (name + ".h5"), tree, {.compress = name.size() % 2 == 1});
    test::write_file(folder / "ours" / (name + ".json"), test::exact_json(tree));
  }
  std::string command = std::string("\"") + test::python() + "\" \"" + test::source_folder() +
                        "/tests/io/compare_hdf5.py\" \"" + folder.string() + "\"";
  int status = std::system(command.c_str());
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "h5py is not installed (tools/setup --test does)";
  EXPECT_EQ(WEXITSTATUS(status), 0);
  int files = 0;
  for (const auto& file : fs::directory_iterator(folder / "theirs"))
    if (file.path().extension() == ".h5") expect_read(file.path()), ++files;
  EXPECT_EQ(files, 2 * 26);
}

}  // namespace
}  // namespace luxtorch
