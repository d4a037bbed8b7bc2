// Files of Python's torch.save that hold more than dense tensors, and files of before 1.6: what
// torch.load(weights_only=True) gives, and holes where it refuses. tools/golden/torch_archives.py
// writes the files.
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "io/jld2_corpus.h"
#include "io/reports.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/io.h"
#include "luxtorch/io/torch_archive.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

fs::path file(const std::string& name) {
  return fs::path(test::source_folder()) / "tests/golden/pt" / name;
}

void expect_values_of_torch(const std::string& name) {
  SCOPED_TRACE(name);
  Tree tree = torch_archive::load(file(name + ".pt"));
  json got = json::parse(test::exact_json(tree));
  json expected = json::parse(test::read_file(file(name + ".json")));
  ASSERT_EQ(got["named"].size(), expected["named"].size());
  for (size_t i = 0; i < expected["named"].size(); ++i)
    EXPECT_EQ(got["named"][i], expected["named"][i]);
}

TEST(TorchArchiveKinds, SparseQuantisedNestedConjugatedTensorsAndStorages) {
  expect_values_of_torch("kinds");
}

TEST(TorchArchiveKinds, KeysThatAreNoTexts) { expect_values_of_torch("keys"); }

TEST(TorchArchiveKinds, FilesOfBefore16) {
  expect_values_of_torch("legacy_2");
  Tree tree = torch_archive::load(file("legacy_2.pt"));
  EXPECT_EQ(tree.at("turned").tensor().data_ptr(), tree.at("state.0.weight").tensor().data_ptr());
  EXPECT_TRUE(tree::equal(tree, torch_archive::load(file("legacy_4.pt"))));
  EXPECT_TRUE(tree::equal(tree, io::load(file("legacy_2.pt"))));
  EXPECT_SAME(torch_archive::load(file("legacy_0.pt")),
              named({{"epoch", 3},
                     {"lr", 0.25},
                     {"note", "h\xc3\xa9"},
                     {"betas", tuple({0.9, tuple({Tree(), false})})}}));
}

TEST(TorchArchiveKinds, KindsOfTensorsAreNamedInTheReport) {
  io::Report report;
  torch_archive::load(file("kinds.pt"), {.report = &report});
  std::map<std::string, std::string> types;
  for (const auto& entry : report.entries) {
    EXPECT_EQ(entry.problem, "") << entry.path;
    types[entry.path] = entry.type;
  }
  EXPECT_EQ(types, (std::map<std::string, std::string>{
                       {"coo", "torch.sparse_coo"},
                       {"csr", "torch.sparse_csr"},
                       {"csc", "torch.sparse_csc"},
                       {"bsr", "torch.sparse_bsr"},
                       {"bsc", "torch.sparse_bsc"},
                       {"parameter", "torch.sparse_coo"},
                       {"by_tensor", "quantized, torch.per_tensor_affine"},
                       {"int32", "quantized, torch.per_tensor_affine"},
                       {"turned", "quantized, torch.per_tensor_affine"},
                       {"by_channel", "quantized, torch.per_channel_affine"},
                       {"nested", "torch.nested_tensor"}}));
}

TEST(TorchArchiveKinds, ObjectsAreHolesAndTheRestLoads) {
  EXPECT_THROW(torch_archive::load(file("objects.pt")), UnsupportedError);
  io::Report report;
  report.entries.push_back({"left", "from", "before"});
  Tree tree = io::load(file("objects.pt"), {.report = &report});
  EXPECT_SAME(tree["w"], Tree(at::ones({2})));
  EXPECT_SAME(tree["again"], Tree(at::zeros({1})));
  EXPECT_SAME(tree["args"], named({{"lr", 0.1}, {"layers", tuple({1, 2})}, {"name", "x"}}));
  EXPECT_SAME(tree["counts"], named({{"cat", 2}}));
  EXPECT_SAME(tree["items"], named({{"a", 1}}));
  EXPECT_SAME(tree["marked"], Tree(at::ones({2})));
  EXPECT_SAME(tree["subclass"], Tree(at::ones({2})));
  EXPECT_SAME(tree["order"], tuple({1, Tree(), at::zeros({1})}));
  for (const char* none : {"best", "array", "when", "class", "meta"})
    EXPECT_TRUE(tree[none].is_none()) << none;
  auto expect = [&](const std::string& path, const std::string& type, bool is_hole) {
    const auto* entry = test::entry_of(report, path);
    ASSERT_NE(entry, nullptr) << path;
    EXPECT_EQ(entry->type, type);
    EXPECT_EQ(!entry->problem.empty(), is_hole) << path << ": " << entry->problem;
  };
  expect("args", "argparse.Namespace", false);
  expect("class", "argparse.Namespace", true);
  expect("when", "datetime.date", true);
  expect("counts", "collections.defaultdict", false);
  expect("items", "torch_archives.Items", false);
  expect("marked.group", "a str", true);
  expect("subclass", "torch_archives.Marked", false);
  expect("meta", "torch.Tensor", true);
  expect("order.1", "builtins.print", true);
  EXPECT_TRUE(test::entry_of(report, "best")->type.ends_with("multiarray.scalar"));
  EXPECT_TRUE(test::entry_of(report, "array")->type.ends_with("multiarray._reconstruct"));
  EXPECT_EQ(report.entries.size(), 11U);
}

TEST(TorchArchiveKinds, WholeModulesAreTheirAttributes) {
  Tensor weight = at::ones({1, 2}), bias = at::zeros({1});
  auto check = [&](const Tree& net, const std::string& path) {
    EXPECT_SAME(net.at(path + "weight"), Tree(weight));
    EXPECT_SAME(net.at(path + "bias"), Tree(bias));
  };
  io::Report report;
  Tree net = torch_archive::load(file("module.pt"), {.report = &report});
  check(net, "_modules.linear._parameters.");
  EXPECT_EQ(test::entry_of(report, "")->type, "torch_archives.Net");
  EXPECT_EQ(test::entry_of(report, "_modules.linear")->type, "torch.nn.modules.linear.Linear");
  Tree old = torch_archive::load(file("legacy_objects.pt"), {.report = &report});
  check(old["net"], "_modules.linear._parameters.");
  EXPECT_SAME(old["w"], Tree(at::ones({2})));
  EXPECT_EQ(test::entry_of(report, "net")->type, "torch_archives.Net");
}

TEST(TorchArchiveKinds, TorchScriptIsNamedAndItsAttributesLoadWithAReport) {
  EXPECT_ERROR(UnsupportedError, torch_archive::load(file("script.pt")),
               "[torch_archive::load] at " + file("script.pt").string() +
                   ", script/data.pkl: expected a state dict, got TorchScript. Save its "
                   "state_dict() in Python, or give LoadOptions::report to load its modules' "
                   "attributes; torch::jit::load runs it.");
  io::Report report;
  Tree net = torch_archive::load(file("script.pt"), {.report = &report});
  EXPECT_SAME(net.at("linear.weight"), Tree(at::ones({1, 2})));
  EXPECT_TRUE(
      test::entry_of(report, "linear")->type.starts_with("__torch__.torch.nn.modules.linear"));
}

TEST(TorchArchiveKinds, KeysThatAreOneNameLeaveAHole) {
  io::Report report;
  Tree tree = torch_archive::load(file("int_and_str_key.pt"), {.report = &report});
  EXPECT_SAME(tree, named({{"3", at::ones({2})}}));
  ASSERT_EQ(report.entries.size(), 1U);
  EXPECT_EQ(report.entries[0].type, "a str");
}

// Every byte of a file may be cut off: a file of before 1.6 has no end of its own.
TEST(TorchArchiveKinds, OldFilesCutAnywhereGiveAnError) {
  auto path = test::fresh_folder("torch_archive_legacy") / "a.pt";
  std::string bytes = test::read_file(file("legacy_2.pt"));
  for (size_t size = 0; size < bytes.size(); ++size) {
    test::write_file(path, bytes.substr(0, size));
    ASSERT_THROW(torch_archive::load(path), FormatError) << size;
  }
  test::write_file(path, bytes + "more");
  EXPECT_TRUE(tree::equal(torch_archive::load(path), torch_archive::load(file("legacy_2.pt"))));
}

TEST(TorchArchiveKinds, TarArchivesOfBefore0110AreNamed) {
  auto path = test::fresh_folder("torch_archive_tar") / "a.pt";
  std::string tar(1024, '\0');
  tar.replace(0, 8, "sys_info");
  tar.replace(257, 5, "ustar");
  test::write_file(path, tar);
  EXPECT_ERROR(UnsupportedError, torch_archive::load(path),
               "[torch_archive::load] at " + path.string() +
                   ": expected a file of PyTorch 0.1.10 or later, got a tar archive, as those of "
                   "before. Save it again in Python: torch.save(torch.load(path, "
                   "weights_only=False), path), if you trust it.");
}

std::string u32(size_t value) {
  auto v = static_cast<uint32_t>(value);
  return {reinterpret_cast<const char*>(&v), sizeof v};
}

TEST(TorchArchiveFiles, BytesBeforeAndBehindTheArchiveAreLeftAside) {
  auto folder = test::fresh_folder("torch_archive_around");
  std::string bytes = test::read_file(file("kinds.pt"));
  Tree expected = torch_archive::load(file("kinds.pt"));
  auto check = [&](const std::string& name, const std::string& content) {
    test::write_file(folder / name, content);
    EXPECT_TRUE(tree::equal(torch_archive::load(folder / name), expected)) << name;
    EXPECT_TRUE(tree::equal(io::load(folder / name), expected)) << name;
  };
  check("behind.pt", bytes + std::string(3, '\0'));
  check("page.pt", bytes + std::string(4096, '\0'));
  check("much.pt", bytes + std::string(500'000, 'x'));
  check("like_an_end.pt", bytes + "PK\5\6" + std::string(40, '\0'));
  check("before.pt", "#!/bin/sh\nexit\n" + bytes);
  check("both.pt", std::string(5000, '\1') + bytes + std::string(100, '\0'));
}

// The places of the checksums of a record, in its header, behind it and in the directory.
std::vector<size_t> sums_of(const std::string& bytes, const std::string& name) {
  std::vector<size_t> places;
  for (size_t at = bytes.find("PK\1\2"); at != bytes.npos; at = bytes.find("PK\1\2", at + 1))
    if (bytes.compare(at + 46, name.size(), name) == 0) places.push_back(at + 16);
  return places;
}

TEST(TorchArchiveFiles, AChecksumOf0AmongOthersIsOne) {
  auto path = test::fresh_folder("torch_archive_sums") / "a.pt";
  std::string bytes = test::read_file(file("kinds.pt"));
  for (const char* name : {"kinds/data/0", "kinds/data.pkl"}) {
    std::string damaged = bytes;
    auto places = sums_of(bytes, name);
    ASSERT_EQ(places.size(), 1U);
    damaged.replace(places[0], 4, u32(0));
    test::write_file(path, damaged);
    EXPECT_THROW(torch_archive::load(path), FormatError) << name;
    EXPECT_TRUE(tree::equal(torch_archive::load(path, {.verify_checksums = false}),
                            torch_archive::load(file("kinds.pt"))));
  }
}

}  // namespace
}  // namespace luxtorch
