// Kinds of links, filters, layouts and elements, as libhdf5 writes and reads them.
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

namespace luxtorch {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

class Hdf5Kinds : public ::testing::TestWithParam<test::Hdf5Format> {
 protected:
  H5::H5File create(const std::string& name) {
    path_ = test::fresh_folder("hdf5_kinds_" + name + GetParam().name) / "a.h5";
    return test::create_hdf5(path_, GetParam());
  }
  // Our reader's tree, which must be libhdf5's.
  Tree both() {
    io::Report report;
    Tree own = io::load(path_, {.report = &report});
    for (const auto& hole : report.entries) ADD_FAILURE() << hole.path << ": " << hole.problem;
    EXPECT_SAME(own, hdf5::load_with_libhdf5(path_));
    return own;
  }
  fs::path path_;
};

template <class Group>
void write_number(Group& group, const std::string& name, int value) {
  group.createDataSet(name, H5::PredType::STD_I32LE, H5::DataSpace())
      .write(&value, H5::PredType::NATIVE_INT);
}

TEST_P(Hdf5Kinds, SoftLinksLeadToValues) {
  {
    H5::H5File file = create("soft");
    auto group = file.createGroup("group");
    write_number(group, "x", 3);
    group.createGroup("deep");
    file.link(H5L_TYPE_SOFT, "/group/x", "absolute");
    group.link(H5L_TYPE_SOFT, "x", "relative");
    file.link(H5L_TYPE_SOFT, "absolute", "twice");
    file.link(H5L_TYPE_SOFT, "whole/relative", "through");
    file.link(H5L_TYPE_SOFT, "group", "whole");
  }
  Tree tree = both();
  for (const char* name : {"absolute", "twice", "through", "group.relative", "whole.x"})
    EXPECT_EQ(tree.at(name).scalar<int64_t>(), 3) << name;
}

TEST_P(Hdf5Kinds, LinksThatLeadNowhereAreHolesOfTheirName) {
  {
    H5::H5File file = create("dangling");
    write_number(file, "x", 3);
    file.link(H5L_TYPE_SOFT, "/not/there", "dangling");
    file.link(H5L_TYPE_SOFT, "circle_2", "circle_1");
    file.link(H5L_TYPE_SOFT, "circle_1", "circle_2");
    file.link(H5L_TYPE_SOFT, "/", "root");
    H5Lcreate_external("other.h5", "/x", file.getId(), "external", H5P_DEFAULT, H5P_DEFAULT);
  }
  io::Report report;
  Tree tree = io::load(path_, {.report = &report});
  EXPECT_EQ(tree["x"].scalar<int64_t>(), 3);
  std::vector<std::string> holes;
  for (const auto& hole : report.entries) holes.push_back(hole.path + ": " + hole.problem);
  std::ranges::sort(holes);
  EXPECT_EQ(
      holes,
      (std::vector<std::string>{
          "circle_1: expected soft links that come to an end, got one that leads to itself",
          "circle_2: expected soft links that come to an end, got one that leads to itself",
          "dangling: expected links that lead to an object, got one to \"/not/there\", which is "
          "not there",
          "external: expected links within the file, got one to another file",
          "root: expected values that do not contain themselves, got a circle of references"}));
  EXPECT_THROW(io::load(path_), UnsupportedError);
}

// The C++ interface of libhdf5 has no way to these filters' parameters.
template <class T>
void write_packed(const H5::H5File& file, const std::string& name, hid_t type, hid_t memory,
                  const std::vector<T>& values, const std::function<void(hid_t)>& filters,
                  const T* fill = nullptr) {
  H5::DSetCreatPropList create;
  hsize_t count = values.size(), chunk = std::min<hsize_t>(count, 100);
  create.setChunk(1, &chunk);
  if (fill != nullptr) H5Pset_fill_value(create.getId(), memory, fill);
  filters(create.getId());
  hid_t space = H5Screate_simple(1, &count, nullptr);
  hid_t data =
      H5Dcreate2(file.getId(), name.c_str(), type, space, H5P_DEFAULT, create.getId(), H5P_DEFAULT);
  ASSERT_GE(data, 0) << name;
  ASSERT_GE(H5Dwrite(data, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0) << name;
  H5Dclose(data);
  H5Sclose(space);
}

TEST_P(Hdf5Kinds, ScaleOffsetOfIntegersAndFloats) {
  std::vector<int32_t> small, equal(250, 7), wide;
  std::vector<uint16_t> words;
  std::vector<int8_t> bytes;
  std::vector<int64_t> longs;
  std::vector<float> floats;
  std::vector<double> doubles;
  for (int i = 0; i < 250; ++i) {
    small.push_back(-20 + i % 37);
    wide.push_back(i % 2 == 0 ? INT32_MAX - i : INT32_MIN + i);
    words.push_back(static_cast<uint16_t>(65000 + i));
    bytes.push_back(static_cast<int8_t>(i % 100 - 50));
    longs.push_back(int64_t{1} << 40 | i * 1001);
    floats.push_back(0.25F * static_cast<float>(i) - 17.3F);
    doubles.push_back(-1.0 / (i + 1));
  }
  auto integers = [](hid_t create) {
    H5Pset_scaleoffset(create, H5Z_SO_INT, H5Z_SO_INT_MINBITS_DEFAULT);
  };
  auto decimals = [](hid_t create) { H5Pset_scaleoffset(create, H5Z_SO_FLOAT_DSCALE, 3); };
  {
    H5::H5File file = create("scale_offset");
    int32_t fill = 5;
    write_packed<int32_t>(file, "small", H5T_STD_I32LE, H5T_NATIVE_INT32, small, integers);
    write_packed<int32_t>(file, "filled", H5T_STD_I32LE, H5T_NATIVE_INT32, small, integers, &fill);
    write_packed<int32_t>(file, "big_endian", H5T_STD_I32BE, H5T_NATIVE_INT32, small, integers);
    write_packed<int32_t>(file, "equal", H5T_STD_I32LE, H5T_NATIVE_INT32, equal, integers);
    write_packed<int32_t>(file, "wide", H5T_STD_I32LE, H5T_NATIVE_INT32, wide, integers);
    write_packed<uint16_t>(file, "words", H5T_STD_U16BE, H5T_NATIVE_UINT16, words, integers);
    write_packed<int8_t>(file, "bytes", H5T_STD_I8LE, H5T_NATIVE_INT8, bytes, integers);
    write_packed<int64_t>(file, "longs", H5T_STD_I64LE, H5T_NATIVE_INT64, longs, integers);
    write_packed<float>(file, "floats", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, floats, decimals);
    write_packed<double>(file, "doubles", H5T_IEEE_F64BE, H5T_NATIVE_DOUBLE, doubles, decimals);
    write_packed<int32_t>(file, "deflated", H5T_STD_I32LE, H5T_NATIVE_INT32, small,
                          [&](hid_t create) {
                            integers(create);
                            H5Pset_deflate(create, 5);
                            H5Pset_fletcher32(create);
                          });
  }
  Tree tree = both();
  for (const char* name : {"small", "filled", "big_endian", "deflated"})
    EXPECT_SAME(Tree(tree[name].tensor()), Tree(at::tensor(small))) << name;
  EXPECT_SAME(Tree(tree["wide"].tensor()), Tree(at::tensor(wide)));
  EXPECT_SAME(Tree(tree["equal"].tensor()), Tree(at::tensor(equal)));
  EXPECT_LE((tree["doubles"].tensor() - at::tensor(doubles)).abs().max().item<double>(), 0.0005);
}

TEST_P(Hdf5Kinds, NumbersOfFewerBitsAndTheNBitFilter) {
  {
    H5::H5File file = create("n_bit");
    std::vector<int32_t> values;
    for (int i = 0; i < 250; ++i) values.push_back(i % 100 - 50);
    auto nbit = [](hid_t create) { H5Pset_nbit(create); };
    auto plain = [](hid_t) {};
    for (bool big : {false, true})
      for (bool is_signed : {true, false}) {
        hid_t type = H5Tcopy(big ? H5T_STD_I32BE : H5T_STD_I32LE);
        H5Tset_precision(type, 17);
        H5Tset_offset(type, 4);
        H5Tset_sign(type, is_signed ? H5T_SGN_2 : H5T_SGN_NONE);
        auto name = (big ? "big_"s : "little_") + (is_signed ? "signed" : "unsigned");
        write_packed<int32_t>(file, name, type, H5T_NATIVE_INT32, values, nbit);
        write_packed<int32_t>(file, "plain_" + name, type, H5T_NATIVE_INT32, values, plain);
        H5Tclose(type);
      }
    std::vector<double> doubles(250, 0.1);
    write_packed<double>(file, "whole", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, doubles, nbit);
    hid_t twelve = H5Tcopy(H5T_STD_U16LE);
    H5Tset_precision(twelve, 12);
    hid_t data = H5Dcreate2(file.getId(), "scalar", twelve, H5Screate(H5S_SCALAR), H5P_DEFAULT,
                            H5P_DEFAULT, H5P_DEFAULT);
    int value = 4000;
    H5Dwrite(data, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value);
    H5Dclose(data);

    struct Row {
      int32_t a;
      std::array<int16_t, 2> b;
    };
    hsize_t two = 2;
    hid_t three_bits = H5Tcopy(H5T_STD_I16LE), pair = 0, row = H5Tcreate(H5T_COMPOUND, sizeof(Row)),
          memory = H5Tcreate(H5T_COMPOUND, sizeof(Row)),
          memory_pair = H5Tarray_create2(H5T_NATIVE_INT16, 1, &two);
    H5Tset_precision(three_bits, 3);
    pair = H5Tarray_create2(three_bits, 1, &two);
    H5Tinsert(row, "a", HOFFSET(Row, a), H5T_STD_I32LE);
    H5Tinsert(row, "b", HOFFSET(Row, b), pair);
    H5Tinsert(memory, "a", HOFFSET(Row, a), H5T_NATIVE_INT32);
    H5Tinsert(memory, "b", HOFFSET(Row, b), memory_pair);
    std::vector<Row> rows;
    for (int16_t i = 0; i < 9; ++i)
      rows.push_back({i * 1000, {static_cast<int16_t>(i % 4), static_cast<int16_t>(-i % 4)}});
    write_packed<Row>(file, "rows", row, memory, rows, nbit);
  }
  Tree tree = both();
  EXPECT_EQ(tree["little_signed"].tensor()[0].item<int>(), -50);
  EXPECT_EQ(tree["plain_big_signed"].tensor()[1].item<int>(), -49);
  EXPECT_EQ(tree["scalar"].scalar<int64_t>(), 4000);
  EXPECT_EQ(tree["rows"][3]["b"].tensor()[1].item<int>(), -3);
}

TEST_P(Hdf5Kinds, StringsThatEndAtTheirFirstZero) {
  {
    H5::H5File file = create("terminated");
    H5::StrType type(H5::PredType::C_S1, 6);
    type.setStrpad(H5T_STR_NULLTERM);
    file.createDataSet("one", type, H5::DataSpace()).write("a\0b\0\0\0", type);
    hsize_t two = 2;
    file.createDataSet("two", type, H5::DataSpace(1, &two)).write("a\0b\0\0\0abcde\0", type);
  }
  Tree tree = both();
  EXPECT_EQ(tree["one"].scalar<std::string>(), "a");  // as h5py
  EXPECT_SAME(tree["two"], tuple({"a", "abcde"}));
}

TEST_P(Hdf5Kinds, Float8OfKerasIsOneTensor) {
  const std::vector<std::pair<std::string, Dtype>> names = {
      {"float8_e4m3fn", Dtype::Float8_e4m3fn},
      {"float8_e4m3fnuz", Dtype::Float8_e4m3fnuz},
      {"float8_e5m2", Dtype::Float8_e5m2},
      {"float8_e5m2fnuz", Dtype::Float8_e5m2fnuz}};
  {
    H5::H5File file = create("float8");
    H5::DataType opaque(H5T_OPAQUE, 1);
    constexpr std::array<hsize_t, 2> kDims = {2, 3};
    H5::StrType text(H5::PredType::C_S1, H5T_VARIABLE);
    for (const auto& [name, dtype] : names) {
      auto data = file.createDataSet(name, opaque, H5::DataSpace(2, kDims.data()));
      data.write("\x38\x3c\x40\xb8\xbc\xc0", opaque);
      data.createAttribute("dtype", text, H5::DataSpace()).write(text, name);
    }
    // Another name is no dtype: bytes.
    auto data = file.createDataSet("other", opaque, H5::DataSpace(2, kDims.data()));
    data.write("\x38\x3c\x40\xb8\xbc\xc0", opaque);
    data.createAttribute("dtype", text, H5::DataSpace()).write(text, std::string("float9"));
  }
  Tree tree = both(), julia = jld2::load(path_);
  Tensor bytes = at::tensor({0x38, 0x3c, 0x40, 0xb8, 0xbc, 0xc0}, Dtype::Byte).reshape({2, 3});
  for (const auto& [name, dtype] : names) {
    Tensor t = tree[name].tensor();
    EXPECT_EQ(t.scalar_type(), dtype);
    EXPECT_SAME(Tree(t.view(Dtype::Byte)), Tree(bytes)) << name;
    EXPECT_EQ(julia[name].tensor().scalar_type(), dtype);
  }
  // 1, 1.5, 2 and their negatives in e4m3fn; 0.5, 1, 2 in e5m2.
  EXPECT_SAME(Tree(tree["float8_e4m3fn"].tensor().to(kFloat32)[0]),
              Tree(at::tensor({1.0F, 1.5F, 2.0F})));
  EXPECT_SAME(Tree(tree["float8_e5m2"].tensor().to(kFloat32)[0]),
              Tree(at::tensor({0.5F, 1.0F, 2.0F})));
  EXPECT_EQ(tree["other"].tensor().sizes(), (std::vector<int64_t>{2, 3, 1}));
}

// A table lies in MATLAB's files as numbers that say where its parts are, among them arrays of no class.
TEST_P(Hdf5Kinds, MatlabsTablesAreTheirNumbers) {
  {
    H5::H5File file = create("table");
    H5::StrType text(H5::PredType::C_S1, 20);
    auto with_class = [&](H5::DataSet data, std::string name, bool is_empty) {
      name.resize(20);
      data.createAttribute("MATLAB_class", text, H5::DataSpace()).write(text, name.data());
      uint8_t one = 1;
      if (is_empty)
        data.createAttribute("MATLAB_empty", H5::PredType::STD_U8LE, H5::DataSpace())
            .write(H5::PredType::NATIVE_UINT8, &one);
    };
    constexpr std::array<hsize_t, 2> kSix = {1, 6}, kTwo = {1, 2};
    std::vector<uint32_t> numbers = {0xdd000000, 2, 1, 1, 1, 1};
    auto table = file.createDataSet("t", H5::PredType::STD_U32LE, H5::DataSpace(2, kSix.data()));
    table.write(numbers.data(), H5::PredType::NATIVE_UINT32);
    with_class(table, "table", false);
    std::vector<uint64_t> zeros(2, 0);
    for (std::string name : {"canonical empty", "table", "string", "function_handle", "datetime"}) {
      auto empty = file.createDataSet("empty " + name, H5::PredType::STD_U64LE,
                                      H5::DataSpace(2, kTwo.data()));
      empty.write(zeros.data(), H5::PredType::NATIVE_UINT64);
      with_class(empty, name, true);
    }
  }
  Tree tree = both();
  EXPECT_EQ(tree["t"].tensor().sizes(), (std::vector<int64_t>{1, 6}));
}

// What is counted is not time: a reader that looks at a name, a member or a link again for each of the
// others looks at more bytes than four times the file, which File::spend refuses.
TEST_P(Hdf5Kinds, TenThousandNamesMembersAndLinks) {
  constexpr int kCount = 10'000;
  {
    H5::H5File file = create("many");
    auto group = file.createGroup("group");
    for (int i = 0; i < kCount; ++i) group.link(H5L_TYPE_SOFT, "/x", "link_" + std::to_string(i));
    for (int i = 0; i < kCount; ++i) write_number(file, "name." + std::to_string(i), i);
    write_number(file, "x", 3);
  }
  Tree tree = both();
  EXPECT_EQ(tree["name"].size(), static_cast<size_t>(kCount));
  EXPECT_EQ(tree.at("group.link_9999").scalar<int64_t>(), 3);
}

INSTANTIATE_TEST_SUITE_P(Formats, Hdf5Kinds, ::testing::ValuesIn(test::hdf5_formats()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace luxtorch
