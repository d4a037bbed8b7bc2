// What tests/registrations say of each layer holds, and every layer has a registration.
#include "support/registration.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

#include "luxtorch/io/sha256.h"
#include "support/files.h"

namespace luxtorch::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using Names = std::set<std::string>;

// Public classes that are no layers: bases, parts, sizes, and a model with its parameters in one object.
const Names kNoLayers{"AttentionDims",    "DenseField",      "Joined",        "Merging",
                      "RecurrentStack",   "SequenceCell",    "StatefulLayer", "StockCell",
                      "TransformerLayer", "TransformerStack"};
// The registration of layers that are no public classes.
const std::string kUsers = "UsersLayers";

Names layers_of(const std::string& header) {
  static const std::regex declaration(
      R"(^(?:class|struct) (?:LUXTORCH_API )?(\w+)(?: final)?(?: : public .*)? \{.*)");
  Names found;
  std::istringstream lines(header);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, declaration)) continue;
    const std::string name = match[1];
    if (!name.ends_with("Options") && !kNoLayers.contains(name)) found.insert(name);
  }
  return found;
}

Names layers_of_the_library() {
  Names all;
  for (const auto& file :
       std::filesystem::directory_iterator(test::source_folder() + "/include/luxtorch/layers"))
    all.merge(layers_of(test::read_file(file.path())));
  return all;
}

Names registered() {
  Names all;
  for (const auto& r : registrations())
    if (r.name != kUsers) all.insert(r.name);
  return all;
}

std::vector<std::string> without(const Names& some, const Names& others) {
  std::vector<std::string> left;
  std::ranges::set_difference(some, others, std::back_inserter(left));
  return left;
}

TEST(Registration, HasEveryLayerOfThePublicHeaders) {
  EXPECT_THAT(without(layers_of_the_library(), registered()), IsEmpty())
      << "layers without a file in tests/registrations (support/registration.h says what it has)";
  EXPECT_THAT(without(registered(), layers_of_the_library()), IsEmpty())
      << "registrations without a class in include/luxtorch/layers";
  EXPECT_EQ(registered().size() + 1, registrations().size()) << "one class registered twice";
}

TEST(Registration, MissesALayerThatHasNone) {
  auto layers = layers_of_the_library();
  EXPECT_GT(layers.size(), 25u);
  layers.merge(layers_of(
      "/// A layer.\nclass LUXTORCH_API Novel {\n public:\n};\nstruct NovelOptions {\n};\n"
      "class Derived : public detail::Joined {\n};\nclass Forward;\n"));
  EXPECT_THAT(without(layers, registered()), UnorderedElementsAre("Novel", "Derived"));
}

TEST(Registration, HasEveryLayerInTheTableOfTheGuide) {
  const std::string page = test::read_file(test::source_folder() + "/docs/guides/layers.md");
  const std::string table = page.substr(0, page.find("## A layer of your own"));
  for (const auto& name : layers_of_the_library()) {
    std::string function = name;  // as checkpointed
    function[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(function[0])));
    EXPECT_TRUE(std::regex_search(table, std::regex("\\b(" + name + "|" + function + ")\\b")))
        << "docs/guides/layers.md has no " << name;
  }
}

class EveryRegistration : public ::testing::TestWithParam<LayerRegistration> {
 protected:
  const LayerRegistration& it = GetParam();
  // The file, a path of the project, uses the class.
  void expect_used_in(const std::string& path) const {
    const std::string text = test::read_file(test::source_folder() + "/" + path);
    EXPECT_TRUE(std::regex_search(text, std::regex("\\b" + it.name + "\\b"))) << path;
  }
};

TEST_P(EveryRegistration, HasRows) { EXPECT_THAT(it.rows, ::testing::Not(IsEmpty())); }

TEST_P(EveryRegistration, SaysHowTheLayerIsComparedOrWhyNot) {
  EXPECT_EQ(!it.golden.empty() + !it.golden_in.empty() + !it.no_golden.empty(), 1)
      << "one of .golden, .golden_in and .no_golden";
  EXPECT_EQ(bool(it.compared) + !it.compared_in.empty() + !it.no_comparison.empty(), 1)
      << "one of .compared, .compared_in and .no_comparison";
  if (!it.golden_in.empty()) expect_used_in("tests/" + it.golden_in);
  if (!it.compared_in.empty()) expect_used_in("tools/comparison/" + it.compared_in);
}

TEST_P(EveryRegistration, RefusesWithItsWords) {
  for (const auto& refusal : it.refusals) {
    const std::string otherwise = refusal.run();
    EXPECT_EQ(otherwise, "") << "instead of " << refusal.text;
  }
}

TEST_P(EveryRegistration, IsPrinted) {
  for (const auto& [label, layer] : it.labels) EXPECT_EQ(layer.label(), label);
}

INSTANTIATE_TEST_SUITE_P(Layer, EveryRegistration, ::testing::ValuesIn(registrations()),
                         [](const auto& info) { return info.param.name; });

// One seed gives the same numbers on every machine: CMake runs this suite under several values of
// ATEN_CPU_CAPABILITY.
class RegisteredSetup : public EveryRegistration {};

TEST_P(RegisteredSetup, HasTheCommittedDigest) {
  EXPECT_EQ(sha256(setup_bytes(it)).substr(0, 16), it.digest) << "the .digest of " << it.name;
}

INSTANTIATE_TEST_SUITE_P(Layer, RegisteredSetup, ::testing::ValuesIn(registrations()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace luxtorch::testing
