// What logs are made of: rows, numbers, checksums, and files that take them or not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>

#include "fit/append_file.h"
#include "fit/crc32c.h"
#include "fit/csv_table.h"
#include "fit/epoch_values.h"
#include "fit/fit_cases.h"
#include "fit/json_line.h"
#include "fit/protobuf_wire.h"
#include "luxtorch/core/values.h"
#include "luxtorch/fit/json_lines.h"
#include "support/files.h"

namespace luxtorch::detail {
namespace {

TEST(LogText, NumbersReadBackAsTheSameDouble) {
  for (const double x : {0.1, 1.0, -0.0, 1e22, 5e-324, 1.0 / 3, std::numeric_limits<double>::max(),
                         static_cast<double>(0.1F), 123456789.125}) {
    const double back = std::strtod(exact_text(x).c_str(), nullptr);
    EXPECT_EQ(back, x);
    EXPECT_EQ(std::signbit(back), std::signbit(x));
  }
  EXPECT_EQ(exact_text(0.1), "0.1");
  EXPECT_EQ(exact_text(NAN), "NaN");
  EXPECT_EQ(exact_text(INFINITY), "Infinity");
  EXPECT_EQ(exact_text(-INFINITY), "-Infinity");
}

// Metrics of any dtype and layout.
struct Confusions {
  void on_epoch(Event& event) const {
    const Tensor counts = tensor(std::vector<int64_t>{1, 2, 3, 4, 5, 6}).reshape({2, 3});
    event.metrics = merge(event.metrics, named({{"transposed", counts.t()},
                                                {"narrow", counts.to(kFloat32) / 4},
                                                {"expanded", tensor(0.5F).expand({2})}}));
  }
};

TEST(LogText, HasTheElementsOfMetricsWithDimensions) {
  const auto path = test::fresh_folder("log_files_arrays") / "a.jsonl";
  auto ts = testing::small_training();
  auto train = testing::training_batches();
  fit(ts, testing::kLoss, train, {.callbacks = {Confusions{}, JsonLines(path)}});
  const auto log = test::read_file(path);
  EXPECT_THAT(log, ::testing::HasSubstr("\"transposed\":[[1,4],[2,5],[3,6]]"));
  EXPECT_THAT(log, ::testing::HasSubstr("\"narrow\":[[0.25,0.5,0.75],[1,1.25,1.5]]"));
  EXPECT_THAT(log, ::testing::HasSubstr("\"expanded\":[0.5,0.5]"));
}

TEST(LogText, CsvQuotesWhatWouldSplitACellAndReadsItBack) {
  const CsvRow row = {"plain", "a,b", "say \"no\"", "two\nlines", ""};
  const auto line = csv_line(row);
  EXPECT_EQ(line, "plain,\"a,b\",\"say \"\"no\"\"\",\"two\nlines\",\n");
  EXPECT_EQ(read_csv(line + "1,2\n"), (std::vector<CsvRow>{row, {"1", "2"}}));
  EXPECT_EQ(read_csv("a,b\r\n1,2\r\n3"), (std::vector<CsvRow>{{"a", "b"}, {"1", "2"}}));
  EXPECT_TRUE(read_csv("a,b").empty());
}

TEST(LogText, JsonHasTextsNumbersAndArrays) {
  JsonLine line;
  line.text("a", "q\"\n\xff").number("b", 0.5).number("c", NAN).integer("d", -3).boolean("e", true);
  line.array("f",
             tensor(std::vector<double>{1, 2.5, INFINITY, 4}, {.dtype = kFloat64}).reshape({2, 2}));
  line.json("g", "{\n\"h\": 1}").json("i", flat_json(named({{"x", tuple({1, "y", true})}})));
  EXPECT_EQ(line.line(),
            "{\"a\":\"q\\\"\\n\xEF\xBF\xBD\",\"b\":0.5,\"c\":\"NaN\",\"d\":-3,\"e\":true,"
            "\"f\":[[1,2.5],[\"Infinity\",4]],\"g\":{ \"h\": 1},"
            "\"i\":{\"x.0\":1,\"x.1\":\"y\",\"x.2\":\"true\"}}\n");
}

// RFC 3720, appendix B.4.
TEST(LogText, ChecksumsAreThoseOfCrc32c) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43U);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
}

// The examples of protobuf.dev/programming-guides/encoding.
TEST(LogText, ProtobufFieldsAreThoseOfItsGuide) {
  EXPECT_EQ(ProtobufMessage().integer(1, 150).text(), "\x08\x96\x01");
  EXPECT_EQ(ProtobufMessage().bytes(2, "testing").text(), "\x12\x07testing");
  EXPECT_EQ(ProtobufMessage().message(3, ProtobufMessage().integer(1, 150)).text(),
            "\x1a\x03\x08\x96\x01");
  EXPECT_EQ(ProtobufMessage().integer(1, -2).text(),
            "\x08\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  EXPECT_EQ(ProtobufMessage().float32(1, 1).text(), std::string("\x0d\0\0\x80\x3f", 5));
}

TEST(AppendFile, CutsALineWithoutAnEndAndAppends) {
  const auto path = test::fresh_folder("append_file") / "deep" / "log";
  AppendFile file;
  ASSERT_TRUE(file.open_(path, AppendFile::Kind::lines));
  EXPECT_TRUE(file.append_("one\n"));
  file.close_();
  for (const size_t rest : {size_t{3}, size_t{10000}}) {
    test::write_file(path, "one\n" + std::string(rest, 'x'));
    ASSERT_TRUE(file.open_(path, AppendFile::Kind::lines));
    EXPECT_TRUE(file.append_("two\n"));
    EXPECT_EQ(test::read_file(path), "one\ntwo\n");
  }
  EXPECT_FALSE(file.open_(path, AppendFile::Kind::new_file));
  EXPECT_TRUE(file.exists());
}

TEST(AppendFile, AFullDiskLeavesWholeRows) {
  const auto path = test::fresh_folder("append_file_full") / "log";
  AppendFile file;
  ASSERT_TRUE(file.open_(path, AppendFile::Kind::lines));
  const std::string row(30, 'x');
  {
    const test::SmallDisk small(100);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(file.append_(row));
    EXPECT_FALSE(file.append_(row));  // 10 bytes of it would fit
    EXPECT_NE(file.error(), "");
    EXPECT_EQ(std::filesystem::file_size(path), 90U);
  }
  EXPECT_TRUE(file.append_(row));
  EXPECT_EQ(std::filesystem::file_size(path), 120U);
}

TEST(AppendFile, SaysWhyADeviceTakesNothing) {
  AppendFile file;
  ASSERT_TRUE(file.open_("/dev/full", AppendFile::Kind::lines));
  EXPECT_FALSE(file.append_("row\n"));
  EXPECT_EQ(file.error(), "No space left on device");
  EXPECT_FALSE(file.open_("/proc/none/log", AppendFile::Kind::lines));
  EXPECT_FALSE(file.is_open());
}

}  // namespace
}  // namespace luxtorch::detail
