// Files as other programs write them, of kinds that public files were found to have.
#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "io/jld2_corpus.h"
#include "io/plain_hdf5.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/io.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;

std::string hdf5_golden(const std::string& name) { return test::golden_folder() + "/hdf5/" + name; }

// A public file, which is not in this repository.
fs::path real(const std::string& name) {
  return fs::path(test::source_folder()) / "../shared/data/files" / name;
}

TEST(Hdf5Files, WhatKerasWritesForBfloat16IsOneTensor) {
  for (const Tree& tree : {hdf5::load_with_libhdf5(hdf5_golden("keras_bf16.weights.h5")),
                           io::load(hdf5_golden("keras_bf16.weights.h5"))}) {
    Tensor t = tree.at("layers.dense.vars.0").tensor();
    EXPECT_EQ(t.scalar_type(), Dtype::BFloat16);
    EXPECT_EQ(t.sizes(), (std::vector<int64_t>{64, 64}));
  }
  EXPECT_EQ(
      jld2::load(hdf5_golden("keras_bf16.weights.h5")).at("layers.dense.vars.0").tensor().numel(),
      64 * 64);
}

TEST(Hdf5Files, BitFieldsThatAreNoBoolsKeepTheirNumbers) {
  auto path = hdf5_golden("bitfield.h5");
  for (const Tree& tree : {hdf5::load_with_libhdf5(path), io::load(path), jld2::load(path)}) {
    Tensor t = tree.items()[0].second.tensor();
    EXPECT_SAME(Tree(t), Tree(at::arange(4, Dtype::Byte)));
  }
}

TEST(Hdf5Files, FiltersMayStandInAnyOrder) {
  auto path = hdf5_golden("fletcher_shuffle_deflate.h5");
  Tree expected = named({{"d", hdf5::load_with_libhdf5(path)["d"]}});
  EXPECT_EQ(expected["d"].tensor().numel(), 512);
  EXPECT_SAME(io::load(path), expected);
}

TEST(Hdf5Files, AWrongFletcher32ChecksumIsDamage) {
  auto path = test::fresh_folder("hdf5_fletcher") / "a.h5";
  {
    H5::H5File file = test::create_hdf5(path, test::hdf5_formats()[0]);
    H5::DSetCreatPropList create;
    hsize_t eight = 8;
    create.setChunk(1, &eight);
    create.setFletcher32();
    std::vector<int> values{1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008};
    file.createDataSet("a", H5::PredType::STD_I32LE, H5::DataSpace(1, &eight), create)
        .write(values.data(), H5::PredType::NATIVE_INT);
  }
  EXPECT_EQ(io::load(path)["a"].tensor()[7].item<int>(), 1008);
  std::string bytes = test::read_file(path);
  size_t at = bytes.find(std::string("\xe9\x03\0\0", 4));
  ASSERT_NE(at, std::string::npos);
  bytes[at] = 0;
  test::write_file(path, bytes);
  try {
    io::load(path);
    FAIL();
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find("Fletcher32"), std::string::npos) << error.what();
  }
}

TEST(Hdf5Files, WhatWasNeverWrittenMayBeLarge) {
  for (const Tree& tree : {hdf5::load_with_libhdf5(hdf5_golden("preallocated.h5")),
                           io::load(hdf5_golden("preallocated.h5"))}) {
    Tensor t = tree["embeddings"].tensor();
    EXPECT_EQ(t.sizes(), (std::vector<int64_t>{40000, 128}));
    EXPECT_EQ(t[39999][127].item<float>(), 0);
  }
}

TEST(Hdf5Files, UnwrittenElementsBeyondTheLimitAreNoDamage) {
  auto path = test::fresh_folder("hdf5_unwritten") / "a.h5";
  {
    H5::H5File file = test::create_hdf5(path, test::hdf5_formats()[0]);
    hsize_t dims = 300 << 20;
    file.createDataSet("a", H5::PredType::STD_U8LE, H5::DataSpace(1, &dims));
  }
  EXPECT_ERROR(FormatError, io::load(path),
               "[io::load] at " + path.string() +
                   ":a: expected elements that were never written of at most 268435456 bytes, got "
                   "314572800 bytes. If you trust the file, load it with a larger memory_limit.");
  Tree read = io::load(path, {.memory_limit = uint64_t{1} << 30U});
  EXPECT_EQ(read["a"].tensor().numel(), 300 << 20);
}

TEST(Hdf5Files, MatlabsStructWithoutFieldsIsAnEmptyTree) {
  auto path = hdf5_golden("matlab_empty_struct.mat");
  for (const Tree& tree : {hdf5::load_with_libhdf5(path), io::load(path)}) {
    EXPECT_SAME(tree.at("net.options"), named({}));
    EXPECT_EQ(tree.at("net.w").tensor().sizes(), (std::vector<int64_t>{2, 1}));
  }
}

TEST(Hdf5Files, Hdf5Version2IsRead) {
  Tree read = io::load(hdf5_golden("hdf5_2_latest_gzip.h5"));
  EXPECT_SAME(Tree(read.items()[0].second), Tree(at::arange(1000, Dtype::Double)));
}

TEST(Hdf5Files, WhatALibraryIsTooOldForIsNotDamage) {
  try {
    hdf5::load_with_libhdf5(hdf5_golden("hdf5_2_latest_gzip.h5"));
  } catch (const UnsupportedError& error) {
    EXPECT_NE(std::string(error.what()).find("libhdf5 "), std::string::npos) << error.what();
  }
}

TEST(Hdf5Files, ANumberOfUnknownFillIsRead) {
  auto path = real("real_undefined_fill.h5");
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not here";
  EXPECT_SAME(io::load(path), hdf5::load_with_libhdf5(path));
}

TEST(Hdf5Files, InnerZerosOfFixedStringsStay) {
  for (const auto& format : test::hdf5_formats()) {
    auto path = test::fresh_folder("hdf5_fixed") / "a.h5";
    {
      H5::H5File file = test::create_hdf5(path, format);
      H5::StrType type(H5::PredType::C_S1, 6);
      type.setStrpad(H5T_STR_NULLPAD);
      file.createDataSet("a", type, H5::DataSpace()).write("a\0b\0\0\0", type);
    }
    EXPECT_EQ(io::load(path)["a"].scalar<std::string>(), std::string("a\0b", 3));
    EXPECT_EQ(hdf5::load_with_libhdf5(path)["a"].scalar<std::string>(), std::string("a\0b", 3));
  }
}

TEST(Hdf5Files, TenThousandMembersOfAnEnumerationAreNoMoreThanOneOfAColumn) {
  auto path = test::fresh_folder("hdf5_enumeration") / "a.h5";
  constexpr int kNames = 2500, kRows = 10000;  // a message has 64 KiB
  {
    H5::H5File file = test::create_hdf5(path, test::hdf5_formats()[0]);
    H5::EnumType colours(H5::PredType::NATIVE_INT16);
    for (int16_t i = 0; i < kNames; ++i) colours.insert(std::to_string(i), &i);
    struct Row {
      int16_t colour;
      double x;
    };
    H5::CompType row(sizeof(Row));
    row.insertMember("colour", HOFFSET(Row, colour), colours);
    row.insertMember("x", HOFFSET(Row, x), H5::PredType::NATIVE_DOUBLE);
    std::vector<Row> rows;
    for (int i = 0; i < kRows; ++i) rows.push_back({static_cast<int16_t>(i % kNames), 0.5 * i});
    hsize_t count = kRows;
    file.createDataSet("table", row, H5::DataSpace(1, &count)).write(rows.data(), row);
  }
  Tree read = hdf5::load_with_libhdf5(path);
  EXPECT_EQ(read.at("table.9999.colour").scalar<int64_t>(), 9999 % kNames);
  EXPECT_SAME(read, io::load(path));
}

TEST(Hdf5Files, TenThousandLinksOfOneHeaderAreRead) {
  auto path = test::fresh_folder("hdf5_links") / "a.h5";
  {
    H5::H5File file = test::create_hdf5(path, test::hdf5_formats()[1]);
    hid_t create = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_link_phase_change(create, 65535, 0);
    H5Pset_est_link_info(create, 10000, 8);
    hid_t group = H5Gcreate2(file.getId(), "g", H5P_DEFAULT, create, H5P_DEFAULT);
    hid_t value = H5Gcreate2(group, "00000000", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    for (int i = 1; i < 10000; ++i) {
      std::string name = std::to_string(10000000 + i);
      H5Lcreate_hard(value, ".", group, name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
    }
    H5Gclose(value);
    H5Gclose(group);
    H5Pclose(create);
  }
  EXPECT_EQ(hdf5::load_with_libhdf5(path)["g"].size(), 10000U);
  EXPECT_EQ(io::load(path)["g"].size(), 10000U);
}

TEST(Jld2Files, StringsOfOldVersionsAreStrings) {
  EXPECT_EQ(jld2::load(hdf5_golden("jld2_old_string.jld2"))["optimiser"].scalar<std::string>(),
            "RMSprop");
  EXPECT_EQ(test::check_file(hdf5_golden("jld2_old_string.jld2")), 0);
  auto path = real("real_jld2_old_strings.jld2");
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not here";
  EXPECT_NE(test::exact_json(jld2::load(path)).find("\"Lattice\""), std::string::npos);
}

TEST(Jld2Files, VariablesWithDotsNest) {
  Tree read = jld2::load(hdf5_golden("jld2_dot_name.jld2"));
  EXPECT_EQ(read.at("encoder.weight").tensor().sizes(), (std::vector<int64_t>{2, 3}));
  auto path = real("real_jld2_dot_names.jld2");
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not here";
  Tree group = jld2::load(path).at("home.c1869192.srf.SRF.output.ordered");
  EXPECT_EQ(group.at("run8l65.mat").tensor().scalar_type(), Dtype::ComplexDouble);
}

TEST(Jld2Files, RootNamesOfAnyLengthMakeFilesThatJuliaOpens) {
  auto folder = test::fresh_folder("jld2_names");
  for (int count : {2, 5, 8, 20, 60, 400})
    for (size_t length : {1, 16, 40, 60, 200, 300}) {
      std::vector<Tree::Item> items;
      for (int i = 0; i < count; ++i) {
        std::string name = "n" + std::to_string(i);
        if (name.size() < length) name += std::string(length - name.size(), 'x');
        items.emplace_back(name, i);
      }
      Tree tree = named(std::move(items));
      auto path = folder / (std::to_string(count) + "_" + std::to_string(length) + ".jld2");
      jld2::save(path, tree);
      test::write_file(fs::path(path).replace_extension(".json"), test::exact_json(tree));
    }
  EXPECT_EQ(test::compare_with_checker(folder, "--ours"), 0);
}

TEST(Jld2Files, ManyTypesMakeFilesThatJuliaOpens) {
  std::vector<Tree::Item> items;
  for (int i = 0; i < 300; ++i)
    items.emplace_back("v" + std::to_string(i), named({{"k" + std::to_string(i), i}}));
  auto path = test::fresh_folder("jld2_types") / "types.jld2";
  jld2::save(path, named(items));
  EXPECT_EQ(test::check_file(path), 0);
}

}  // namespace
}  // namespace luxtorch
