// What load does with values that a Tree has no kind for, that it does not know, and that are too
// large.
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "io/jld2_corpus.h"
#include "io/plain_hdf5.h"
#include "io/reports.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/jld2.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch {
namespace {

std::string zoo() { return test::golden_folder() + "/jld2/0.6.5/zoo.jld2"; }

TEST(Jld2Report, JuliaTypesThatATreeHasNoKindForAreNamedWithTheirPaths) {
  jld2::Report report;
  report.entries.push_back({"left", "from", "before"});
  Tree file = jld2::load(zoo(), {.report = &report});
  EXPECT_EQ(test::exact_json(file), test::exact_json(jld2::load(zoo())));
  EXPECT_EQ(test::entry_of(report, "left"), nullptr);
  auto expect = [&](const std::string& path, const std::string& type) {
    const auto* entry = test::entry_of(report, path);
    ASSERT_NE(entry, nullptr) << path;
    EXPECT_EQ(entry->type, type);
    EXPECT_EQ(entry->problem, "");
    EXPECT_EQ(file.at(path)["julia_type"].scalar<std::string>(), type);
  };
  expect("adj", "LinearAlgebra.Adjoint{Float32, Array{Float32, 2}}");
  expect("bitarr", "BitArray{1}");
  expect("pair", "Pair{Symbol, Int64}");
  expect("big", "GMP.BigInt");
  expect("func", "#sin");
  expect("val3", "Val{3}");
  expect("type", "Core.DataType");
  expect("type2", "Core.DataType");
  for (const char* known :
       {"range", "dict", "dictsym", "mt", "st_bn.layer_2.rng", "nt_nested", "grp"})
    EXPECT_EQ(test::entry_of(report, known), nullptr) << known;
  for (const auto& entry : report.entries) EXPECT_TRUE(file.contains(entry.path)) << entry.path;
}

TEST(Jld2Report, AModelOfLuxIsKnownToTheLastValue) {
  for (const char* name : {"norng", "mt", "xoshiro", "stablerng", "tasklocal"}) {
    jld2::Report report;
    jld2::load(test::golden_folder() + "/jld2/0.6.5/trained_model_" + std::string(name) + ".jld2",
               {.report = &report});
    EXPECT_EQ(report.entries.size(), 0U) << name;
  }
}

// Good values among some that the reader does not know.
std::filesystem::path file_with_unknown_parts(const std::string& name) {
  auto path = test::fresh_folder(name) / "file.h5";
  H5::H5File file = test::create_hdf5(path, test::hdf5_formats().back());
  test::write_counting(file, "before", {{3}, {3}, {3}});
  hsize_t two = 2;
  H5::Group group = file.createGroup("group");
  group.createDataSet("time", H5::PredType::UNIX_D32LE, H5::DataSpace());
  group.createDataSet("wide", H5::PredType::NATIVE_LDOUBLE, H5::DataSpace(1, &two));
  group.link(H5L_TYPE_SOFT, "/before", "soft");
  test::write_counting(group, "within", {{3}, {3}, {3}});
  return path;
}

TEST(Jld2Report, ValuesThatAreNotKnownAreNamedAndTheRestLoads) {
  auto path = file_with_unknown_parts("jld2_unknown");
  jld2::Report report;
  Tree read = jld2::load(path, {.report = &report});
  EXPECT_EQ(read["before"].tensor().numel(), 3);
  EXPECT_EQ(read.at("group.within").tensor().numel(), 3);
  EXPECT_EQ(read.at("group.soft").tensor().numel(), 3);
  ASSERT_EQ(report.entries.size(), 2U);
  for (const char* name : {"group.time", "group.wide"}) {
    const auto* entry = test::entry_of(report, name);
    ASSERT_NE(entry, nullptr) << name;
    EXPECT_NE(entry->problem, "");
    EXPECT_TRUE(read.at(name).is_none());
  }
  EXPECT_EQ(test::entry_of(report, "group.wide")->problem,
            "expected IEEE floats of 16, 32 or 64 bits, got another floating-point format of 16 "
            "bytes");
}

TEST(Jld2Report, WithoutOneAnUnknownValueIsAnErrorThatNamesItsPath) {
  auto path = file_with_unknown_parts("jld2_unknown_error");
  EXPECT_ERROR(UnsupportedError, jld2::load(path),
               "[jld2::load] at " + path.string() +
                   ":group.time: expected a number, string, compound, reference, array or "
                   "variable-length type, got HDF5 datatype class 2. Save it from Julia as "
                   "NamedTuples of plain arrays, or without this part.");
}

TEST(Jld2Limit, AFileThatExpandsBeyondTheLimitIsRefused) {
  auto path = test::fresh_folder("jld2_limit") / "zeros.jld2";
  jld2::save(path, named({{"ps", named({{"zeros", at::zeros({1000000})}})}}), {.compress = true});
  EXPECT_LT(std::filesystem::file_size(path), 20000U);
  EXPECT_ERROR(FormatError, jld2::load(path, {.memory_limit = 3000000}),
               "[jld2::load] at " + path.string() +
                   ":ps.zeros: expected values of at most 3000000 bytes, got some of more. "
                   "If you trust the file, load it with a larger memory_limit.");
  jld2::Report report;
  EXPECT_THROW(jld2::load(path, {.report = &report, .memory_limit = 3000000}), FormatError);
  EXPECT_EQ(jld2::load(path, {.memory_limit = 9000000}).at("ps.zeros").tensor().numel(), 1000000);
}

TEST(Jld2Limit, ASmallFileThatClaimsATerabyteIsRefused) {
  for (const test::Hdf5Format& format : test::hdf5_formats()) {
    auto path = test::fresh_folder("jld2_claims") / "file.h5";
    H5::H5File file = test::create_hdf5(path, format);
    H5::DSetCreatPropList create;
    hsize_t chunk[] = {1 << 20, 1};
    hsize_t dims[] = {1 << 20, 1 << 20};
    create.setChunk(2, chunk);
    file.createDataSet("chunked", H5::PredType::NATIVE_UINT8, H5::DataSpace(2, dims), create);
    file.close();
    EXPECT_THROW(jld2::load(path), FormatError) << format.name;
    H5::H5File other = test::create_hdf5(path, format);
    other.createDataSet("contiguous", H5::PredType::NATIVE_UINT8, H5::DataSpace(2, dims));
    other.close();
    EXPECT_THROW(jld2::load(path), FormatError) << format.name;
  }
}

}  // namespace
}  // namespace luxtorch
