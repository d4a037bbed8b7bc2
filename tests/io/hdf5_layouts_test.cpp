// HDF5 files of old versions, changed from those of a new libhdf5, and files that are none.
#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>
#include <H5Cpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>

#include "io/jld2_corpus.h"
#include "io/plain_hdf5.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/io.h"
#include "support/compare.h"
#include "support/error_text.h"
#include "support/files.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

// libhdf5 1.4 wrote these data layouts; here messages of version 3 are changed into them.
TEST(Hdf5Layouts, Versions1And2) {
  for (char version : {'\1', '\2'}) {
    auto path = test::fresh_folder("hdf5_layouts") / "a.h5";
    {
      H5::H5File file = test::create_hdf5(path, test::hdf5_formats()[0]);
      std::vector<int> values{11, 12, 13, 14};
      hsize_t four = 4, two = 2;
      auto write = [&](const char* name, const H5::DSetCreatPropList& create) {
        file.createDataSet(name, H5::PredType::STD_I32LE, H5::DataSpace(1, &four), create)
            .write(values.data(), H5::PredType::NATIVE_INT);
      };
      write("contiguous", {});
      H5::DSetCreatPropList chunked, compact;
      chunked.setChunk(1, &two);
      write("chunked", chunked);
      compact.setLayout(H5D_COMPACT);
      write("compact", compact);
    }
    std::string bytes = test::read_file(path);
    int changed = 0;
    for (size_t at = 0; (at = bytes.find("\x08\0\x18\0"s, at)) != bytes.npos; ++at) {
      if (bytes.substr(at + 5, 4) != "\0\0\0\3"s) continue;
      std::string old = bytes.substr(at + 8, 24), body = {version, '\1', old[1], 0, 0, 0, 0, 0};
      constexpr char kCompact = 0, kContiguous = 1;
      if (old[1] == kCompact) {  // two elements fit
        body += "\2\0\0\0"s + "\x08\0\0\0"s + old.substr(4, 8);
        auto dims = bytes.rfind("\4\0\0\0\0\0\0\0"s, at);
        bytes[dims] = bytes[dims - (bytes.substr(dims - 8, 1) == "\4" ? 8 : 0)] = 2;
      } else if (old[1] == kContiguous) {
        body += old.substr(2, 8) + "\4\0\0\0"s;
      } else {
        body[1] = 2;  // an element's size is one more dimension
        body += old.substr(3, 8) + old.substr(11, 8);
      }
      body.resize(24);
      bytes.replace(at + 8, 24, body);
      ++changed;
    }
    ASSERT_EQ(changed, 3);
    test::write_file(path, bytes);
    Tree tree = io::load(path);
    Tensor all = at::tensor({11, 12, 13, 14}, Dtype::Int);
    EXPECT_SAME(Tree(tree["contiguous"].tensor()), Tree(all));
    EXPECT_SAME(Tree(tree["chunked"].tensor()), Tree(all));
    EXPECT_SAME(Tree(tree["compact"].tensor()), Tree(all.narrow(0, 0, 2)));
    EXPECT_SAME(hdf5::load_with_libhdf5(path), tree);
  }
}

TEST(Hdf5Foreign, Libhdf5sReaderNamesOtherFilesToo) {
  auto path = test::fresh_folder("hdf5_foreign") / "a.h5";
  const std::vector<std::pair<std::string, std::string>> files = {
      {"", "an empty file"},
      {"\x1f\x8b\x08\0\0"s, "a gzip file"},
      {"<!doctype html>", "an HTML page"},
      {"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"}};
  for (const auto& [bytes, what] : files) {
    test::write_file(path, bytes);
    auto text = testing::text_of([&] { hdf5::load_with_libhdf5(path); });
    EXPECT_EQ(text.find("[hdf5::load_with_libhdf5] at " + path.string() +
                        ": expected an HDF5 file, got " + what + ". "),
              0U)
        << text;
  }
}

// Julia 1.0 wrote the names of its own types with `Core.` twice. Here it is put into a file of a later one,
// whose heap has room for it.
TEST(Jld2Types, NamesWithCoreTwiceAreThoseWithItOnce) {
  fs::path zoo = test::golden_folder() + "/jld2/0.4.53/zoo.jld2";
  std::string bytes = test::read_file(zoo);
  int changed = 0;
  for (std::string name : {"Core.Int64", "Core.Bool"}) {
    auto object = [](const std::string& text) {
      return std::string(1, static_cast<char>(text.size())) + std::string(7, '\0') + text +
             std::string(16 - text.size(), '\0');
    };
    for (size_t at = 0; (at = bytes.find(object(name), at)) != bytes.npos; ++changed)
      bytes.replace(at, 24, object("Core." + name));
  }
  EXPECT_GT(changed, 0);
  auto path = test::fresh_folder("jld2_core_twice") / "zoo.jld2";
  test::write_file(path, bytes);
  io::Report report, changed_report;
  auto json = test::exact_json(jld2::load(zoo, {.report = &report}));
  EXPECT_EQ(test::exact_json(jld2::load(path, {.report = &changed_report})), json);
  EXPECT_EQ(changed_report.entries.size(), report.entries.size());
}

}  // namespace
}  // namespace luxtorch
