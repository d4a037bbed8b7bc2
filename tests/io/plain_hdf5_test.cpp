// Plain HDF5 files, which libhdf5 writes here in its old and its new formats, and jld2::load reads.
#include "io/plain_hdf5.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <H5Cpp.h>
#include <gtest/gtest.h>

#include "io/jld2_corpus.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/io.h"
#include "luxtorch/io/jld2.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;

using test::Chunked;
using test::Hdf5Format;
using test::write_counting;

class PlainHdf5 : public ::testing::TestWithParam<Hdf5Format> {
 protected:
  H5::H5File create(const std::string& name) {
    path_ = test::fresh_folder("plain_hdf5_" + name + GetParam().name) / "file.h5";
    return test::create_hdf5(path_, GetParam());
  }
  Tree load() {
    EXPECT_EQ(static_cast<uint8_t>(test::read_file(path_)[8]), GetParam().superblock);
    return jld2::load(path_);
  }

  fs::path path_;
};

// What Julia sees: the dimensions the other way round, the bytes as they are.
Tensor counting_in_julia(const std::vector<hsize_t>& dims) {
  std::vector<int64_t> sizes(dims.begin(), dims.end());
  int64_t count = 1;
  for (int64_t size : sizes) count *= size;
  Tensor tensor = at::arange(count, Dtype::Int).reshape(sizes);
  std::vector<int64_t> order;
  for (int64_t d = tensor.dim(); d-- > 0;) order.push_back(d);
  return tensor.permute(order);
}

constexpr hsize_t kNoLimit = H5S_UNLIMITED;

TEST_P(PlainHdf5, ChunksAreFoundByEveryKindOfIndex) {
  const std::vector<Chunked> shapes = {
      {{7, 5}, {7, 5}, {3, 2}},                   // version 1 B-tree, or fixed array
      {{7, 5}, {7, 5}, {3, 2}, false, true},      // implicit
      {{7, 5}, {9, 50}, {3, 2}},                  // may grow
      {{7, 5}, {7, 5}, {7, 5}},                   // one chunk
      {{7, 5}, {kNoLimit, 5}, {3, 2}},            // extensible array
      {{7, 5, 4}, {7, 20, kNoLimit}, {3, 2, 3}},  // the same, with another order
      {{7, 5}, {kNoLimit, kNoLimit}, {3, 2}},     // version 2 B-tree
      {{7, 5}, {40, kNoLimit}, {30, 20}},         // a chunk larger than the data
      {{30011}, {30011}, {7}},                    // pages
      {{30011}, {kNoLimit}, {2}},                 // super blocks
      {{140003}, {kNoLimit}, {1}},                // pages in super blocks
      {{3001, 3}, {kNoLimit, kNoLimit}, {1, 2}},  // a deep B-tree
  };
  H5::H5File file = create("chunks");
  for (size_t i = 0; i < shapes.size(); ++i)
    for (bool deflate : {false, true}) {
      Chunked shape = shapes[i];
      shape.deflate = deflate;
      write_counting(file, (deflate ? "d" : "p") + std::to_string(i), shape);
    }
  file.close();
  Tree read = load();
  EXPECT_EQ(read.size(), 2 * shapes.size());
  for (size_t i = 0; i < shapes.size(); ++i)
    for (const char* kind : {"p", "d"})
      EXPECT_TRUE(tree::equal(read.at(kind + std::to_string(i)), counting_in_julia(shapes[i].dims)))
          << kind << i;
}

TEST_P(PlainHdf5, WhatWasNeverWrittenHasTheFillValue) {
  H5::H5File file = create("fill");
  for (bool chunked : {false, true}) {
    H5::DSetCreatPropList create;
    hsize_t dims[] = {6, 4};
    hsize_t chunk[] = {2, 3};
    float seven = 7;
    create.setFillValue(H5::PredType::NATIVE_FLOAT, &seven);
    if (chunked) create.setChunk(2, chunk);
    auto dataset = file.createDataSet(chunked ? "part" : "none", H5::PredType::IEEE_F32LE,
                                      H5::DataSpace(2, dims), create);
    if (!chunked) continue;
    hsize_t start[] = {2, 0};
    hsize_t count[] = {1, 1};
    H5::DataSpace space = dataset.getSpace();
    space.selectHyperslab(H5S_SELECT_SET, count, start);
    float one = 1;
    dataset.write(&one, H5::PredType::NATIVE_FLOAT, H5::DataSpace(1, count), space);
  }
  file.close();
  Tree read = load();
  Tensor expected = at::full({4, 6}, 7.0);
  expected = expected.to(kFloat32);
  EXPECT_TRUE(tree::equal(read["none"], expected));
  expected[0][2] = 1;
  EXPECT_TRUE(tree::equal(read["part"], expected));
}

TEST_P(PlainHdf5, GroupsSmallAndLargeAreNamedTrees) {
  H5::H5File file = create("groups");
  H5::Group small = file.createGroup("small");
  H5::Group inner = small.createGroup("inner");
  file.createGroup("empty");
  for (int count : {1, 40, 3000}) {
    H5::Group group = inner.createGroup("g" + std::to_string(count));
    for (int i = 0; i < count; ++i) {
      auto dataset = group.createDataSet("value_" + std::to_string(i), H5::PredType::STD_I64LE,
                                         H5::DataSpace());
      int64_t value = i;
      dataset.write(&value, H5::PredType::NATIVE_INT64);
    }
  }
  small.close();
  inner.close();
  file.close();
  Tree read = load();
  EXPECT_EQ(read["empty"].size(), 0U);
  for (int count : {1, 40, 3000}) {
    Tree group = read.at("small.inner.g" + std::to_string(count));
    ASSERT_EQ(group.size(), static_cast<size_t>(count));
    for (int i = 0; i < count; ++i)
      EXPECT_EQ(group["value_" + std::to_string(i)].scalar<int64_t>(), i);
  }
}

TEST_P(PlainHdf5, StringsAndBooleansOfOtherProgramsAreStringsAndBools) {
  H5::H5File file = create("kinds");
  H5::DataSpace scalar;
  for (H5T_str_t padding : {H5T_STR_NULLTERM, H5T_STR_NULLPAD, H5T_STR_SPACEPAD}) {
    H5::StrType type(H5::PredType::C_S1, 8);
    type.setStrpad(padding);
    auto dataset = file.createDataSet("fixed" + std::to_string(padding), type, scalar);
    dataset.write(padding == H5T_STR_SPACEPAD ? "abc     " : "abc\0\0\0\0", type);
  }
  H5::StrType variable(H5::PredType::C_S1, H5T_VARIABLE);
  const char* text = "some text";
  file.createDataSet("variable", variable, scalar).write(&text, variable);
  H5::EnumType boolean(H5::PredType::NATIVE_INT8);
  for (int8_t value : {0, 1}) boolean.insert(value == 0 ? "FALSE" : "TRUE", &value);
  hsize_t three = 3;
  int8_t flags[] = {1, 0, 1};
  file.createDataSet("flags", boolean, H5::DataSpace(1, &three)).write(flags, boolean);
  H5::EnumType colour(H5::PredType::NATIVE_INT16);
  for (int16_t value : {3, 4}) colour.insert(value == 3 ? "red" : "blue", &value);
  int16_t colours[] = {3, 4, 3};
  file.createDataSet("colours", colour, H5::DataSpace(1, &three)).write(colours, colour);
  file.close();
  Tree read = load();
  for (const char* name : {"fixed0", "fixed1", "fixed2"})
    EXPECT_EQ(read[name].scalar<std::string>(), "abc") << name;
  EXPECT_EQ(read["variable"].scalar<std::string>(), "some text");
  EXPECT_EQ(read["flags"].tensor().scalar_type(), kBool);
  EXPECT_TRUE(read["flags"].tensor()[2].item<bool>());
  EXPECT_EQ(read["colours"].tensor().scalar_type(), Dtype::Short);
  EXPECT_EQ(read["colours"].tensor()[1].item<int16_t>(), 4);
}

// What load says behind the path.
template <class Kind>
std::string error_of(const fs::path& path) {
  try {
    io::load(path);
  } catch (const Kind& error) {
    return std::string(error.what()).substr(path.string().size() + sizeof "[io::load] at " - 1);
  }
  return "";
}

TEST_P(PlainHdf5, ANameThatAGroupHasTwiceIsAnErrorAtItsPath) {
  H5::H5File file = create("names");
  H5::Group group = file.createGroup("group");
  for (const char* name : {"value_a", "value_b"}) group.createGroup(name);
  group.close();
  file.close();
  std::string bytes = test::read_file(path_);
  size_t at = bytes.find("value_b");
  ASSERT_NE(at, std::string::npos);
  bytes[at + 6] = 'a';
  test::write_file(path_, bytes);
  if (GetParam().superblock == 0)
    EXPECT_EQ(error_of<UnsupportedError>(path_).find(":group: expected names that a tree can hold"),
              0U);
  else
    EXPECT_NE(error_of<FormatError>(path_).find("checksum"), std::string::npos);
}

TEST_P(PlainHdf5, TuplesWithoutElementsAreCountedToo) {
  H5::H5File file = create("tuples");
  H5::StrType variable(H5::PredType::C_S1, H5T_VARIABLE);
  constexpr hsize_t kDims[] = {60000, 0};
  for (int i = 0; i < 3; ++i)
    file.createDataSet(std::to_string(i), variable, H5::DataSpace(2, kDims));
  file.close();
  EXPECT_EQ(io::load(path_)["2"].size(), 60000U);
  file = create("more_tuples");
  for (int i = 0; i < 20; ++i)
    file.createDataSet(std::to_string(i), variable, H5::DataSpace(2, kDims));
  file.close();
  EXPECT_NE(error_of<FormatError>(path_).find("expected at most 1048576 values, got more"),
            std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Formats, PlainHdf5, ::testing::ValuesIn(test::hdf5_formats()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace luxtorch
