// A summary as HTML and as JSON.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/base/json.h"
#include "luxtorch/layer_summary.h"

namespace luxtorch {
namespace {

using ::testing::HasSubstr;

Summary table() {
  Summary s{.rows = {},
            .parameters = 1234,
            .trainable = 34,
            .states = 5,
            .bytes = 4936,
            .flops = 1000,
            .step_flops = 3000,
            .step_seconds = 0.0025};
  s.rows.push_back({.path = "",
                    .layer = "Model<\"a\" & 'b'>\n\xff",
                    .output = "(2, 3)",
                    .dtype = "float32",
                    .output_dtype = "float32",
                    .parameters = 1234,
                    .trainable = 34,
                    .states = 5,
                    .bytes = 4936,
                    .flops = 1000,
                    .step_flops = 3000,
                    .step_seconds = 0.0025});
  return s;
}

TEST(SummaryOutput, HtmlIsThePrintedTableEscaped) {
  EXPECT_EQ(
      table().to_html(),
      "<table class=\"luxtorch-summary\">\n"
      "<thead>\n"
      "<tr><th style=\"text-align:left\">path</th><th style=\"text-align:left\">layer</th>"
      "<th style=\"text-align:left\">output</th><th style=\"text-align:right\">parameters</th>"
      "<th style=\"text-align:right\">trainable</th><th style=\"text-align:right\">states</th>"
      "<th style=\"text-align:right\">bytes</th><th style=\"text-align:right\">flops</th>"
      "<th style=\"text-align:right\">step flops</th>"
      "<th style=\"text-align:right\">step ms</th></tr>\n"
      "</thead>\n"
      "<tbody>\n"
      "<tr><td>(model)</td><td>Model&lt;&quot;a&quot; &amp; &#39;b&#39;&gt;\n\uFFFD</td>"
      "<td>(2, 3)</td><td style=\"text-align:right\">1_234</td>"
      "<td style=\"text-align:right\">34</td><td style=\"text-align:right\">5</td>"
      "<td style=\"text-align:right\">4_936</td><td style=\"text-align:right\">1_000</td>"
      "<td style=\"text-align:right\">3_000</td><td style=\"text-align:right\">2.500</td>"
      "</tr>\n"
      "</tbody>\n"
      "<tfoot>\n"
      "<tr><td>total</td><td></td><td></td><td style=\"text-align:right\">1_234</td>"
      "<td style=\"text-align:right\">34</td><td style=\"text-align:right\">5</td>"
      "<td style=\"text-align:right\">4_936</td><td style=\"text-align:right\">1_000</td>"
      "<td style=\"text-align:right\">3_000</td><td style=\"text-align:right\">2.500</td>"
      "</tr>\n"
      "</tfoot>\n"
      "</table>\n");
}

TEST(SummaryOutput, JsonHasEveryMemberAndNullForWhatWasNotMeasured) {
  EXPECT_EQ(table().to_json(),
            "{\"rows\": [\n"
            "  {\"path\": \"\", \"layer\": \"Model<\\\"a\\\" & 'b'>\\n\uFFFD\", "
            "\"output\": \"(2, 3)\", \"dtype\": \"float32\", \"output_dtype\": \"float32\", "
            "\"parameters\": 1234, \"trainable\": 34, \"states\": 5, \"bytes\": 4936, "
            "\"flops\": 1000, \"step_flops\": 3000, \"kept_bytes\": null, \"seconds\": null, "
            "\"step_seconds\": 0.0025}],\n"
            "\"totals\": {\"parameters\": 1234, \"trainable\": 34, \"states\": 5, \"bytes\": 4936, "
            "\"flops\": 1000, \"step_flops\": 3000, \"kept_bytes\": null, \"seconds\": null, "
            "\"step_seconds\": 0.0025}}\n");
}

TEST(SummaryOutput, JsonIsReadByAStrictParser) {
  const io::Json read = io::parse_json(table().to_json());
  const auto* rows = read.find("rows")->as<io::JsonArray>();
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ(*rows->at(0).find("layer")->as<std::string>(), "Model<\"a\" & 'b'>\n\uFFFD");
  EXPECT_EQ(*read.find("totals")->find("step_flops")->as<int64_t>(), 3000);
  EXPECT_EQ(io::parse_json(Summary().to_json()).find("rows")->as<io::JsonArray>()->size(), 0u);
}

}  // namespace
}  // namespace luxtorch
