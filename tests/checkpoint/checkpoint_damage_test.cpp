// Damaged checkpoints: what is skipped, and what is said about it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/checkpoint_cases.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/sha256.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TwoSaved;

constexpr const char* kFiles[] = {"parameters.safetensors", "states.safetensors",
                                  "optimizer.safetensors", "program.safetensors", "manifest.json"};

TEST(CheckpointDamage, ACutFileIsSeen) {
  TwoSaved run("checkpoint_cut");
  for (const char* name : kFiles) {
    SCOPED_TRACE(name);
    auto bytes = test::read_file(run.file(name));
    for (size_t size : {size_t{0}, size_t{1}, bytes.size() / 2, bytes.size() - 2}) {
      test::write_file(run.file(name), bytes.substr(0, size));
      EXPECT_THAT(run.skipped(), HasSubstr(run.file(name)));
      EXPECT_THROW(load_checkpoint(run.path(2)), FormatError);
    }
    test::write_file(run.file(name), bytes);
    EXPECT_EQ(run.skipped(), "");
  }
}

TEST(CheckpointDamage, AFlippedBitAnywhereIsSeenOrMeansNothing) {
  TwoSaved run("checkpoint_flipped");
  auto whole = load_checkpoint(run.path(2));
  for (const char* name : kFiles) {
    SCOPED_TRACE(name);
    auto bytes = test::read_file(run.file(name));
    bool is_manifest = name == std::string("manifest.json");
    for (size_t at = 0; at < bytes.size(); at += is_manifest ? 7 : 37) {
      auto changed = bytes;
      changed[at] ^= static_cast<char>(1U << at % 8);
      test::write_file(run.file(name), changed);
      try {
        auto c = load_checkpoint(run.path(2));
        EXPECT_TRUE(is_manifest && std::isspace(static_cast<unsigned char>(bytes[at]))) << at;
        EXPECT_EQ(c.model, whole.model);
      } catch (const FormatError& error) {
        EXPECT_THAT(error.what(), HasSubstr(run.file(name)));
      }
    }
    test::write_file(run.file(name), bytes);
  }
}

TEST(CheckpointDamage, ReasonsSayWhatIsWrong) {
  TwoSaved run("checkpoint_reasons");
  std::string parameters = run.file("parameters.safetensors"), manifest = run.file("manifest.json");
  auto bytes = test::read_file(parameters), text = test::read_file(manifest);
  auto reason = [](const std::string& path, const std::string& what) {
    return "[load_checkpoint] at " + path + ": expected " + what;
  };

  auto changed = bytes;
  changed.back() ^= 1;
  test::write_file(parameters, changed);
  EXPECT_EQ(run.skipped(), reason(parameters, "sha256 " + sha256(bytes) + ", got " +
                                                  sha256(changed) + ". The file is damaged."));
  test::write_file(parameters, bytes + "x");
  EXPECT_EQ(run.skipped(),
            reason(parameters, std::to_string(bytes.size()) + " bytes, got " +
                                   std::to_string(bytes.size() + 1) + ". The file is damaged."));
  fs::remove(parameters);
  EXPECT_EQ(run.skipped(), reason(parameters,
                                  "a part of the checkpoint, got No such file or "
                                  "directory. The checkpoint is not whole."));
  test::write_file(parameters, bytes);

  auto replaced = [&](const std::string& from, const std::string& to) {
    auto other = text;
    other.replace(other.find(from), from.size(), to);
    test::write_file(manifest, other);
  };
  replaced("\"step\": 2", "\"step\": 3");
  EXPECT_EQ(run.skipped(),
            reason(manifest, "the manifest's own sha256, got another. It has been changed."));
  replaced("\"version\": 1", "\"version\": 3");
  EXPECT_EQ(run.skipped(), reason(manifest,
                                  "format version 1 or 2, got 3. Read it with the luxtorch that "
                                  "wrote it."));
  replaced("luxtorch checkpoint", "another's checkpoint");
  EXPECT_EQ(run.skipped(), reason(manifest, "the manifest of a checkpoint, got another file."));
  test::write_file(manifest, "{\"format\": ");
  EXPECT_EQ(run.skipped(),
            "[load_checkpoint] at " + manifest +
                ", byte 11: expected JSON, got something else. The manifest is damaged.");
  fs::remove(manifest);
  EXPECT_EQ(run.skipped(), reason(manifest, "a manifest, got none. The checkpoint is not whole."));
  fs::create_directory(manifest);
  EXPECT_THAT(run.skipped(), HasSubstr(manifest));
}

TEST(CheckpointDamage, ManifestsOfNonsenseAreRefused) {
  TwoSaved run("checkpoint_nonsense");
  for (const char* text :
       {"", "{}", "[]", "3", "null", "{\"format\": {\".tensor\": \"a\"}}",
        "{\"format\": \"luxtorch checkpoint\"}",
        "{\"format\": \"luxtorch checkpoint\", \"version\": \"1\"}",
        "{\"format\": \"luxtorch checkpoint\", \"version\": 1}",
        "{\"format\": \"luxtorch checkpoint\", \"version\": 1, \"sha256\": 3}"}) {
    test::write_file(run.file("manifest.json"), text);
    EXPECT_THAT(run.skipped(), HasSubstr("manifest.json")) << text;
  }
  // With a right sha256, but without the rest.
  std::string head = "{\n  \"format\": \"luxtorch checkpoint\",\n  \"version\": 1";
  test::write_file(run.file("manifest.json"),
                   head + ",\n  \"sha256\": \"" + sha256(head + "\n}\n") + "\"\n}\n");
  EXPECT_THAT(run.skipped(), HasSubstr("expected the entries of a manifest, got others"));
}

TEST(CheckpointDamage, WhereNoneIsWholeAllReasonsAreGiven) {
  TwoSaved run("checkpoint_all_damaged");
  fs::remove(run.path(1) / "manifest.json");
  fs::remove(run.path(2) / "states.safetensors");
  auto found = run.folder.resume();
  EXPECT_FALSE(found.checkpoint);
  EXPECT_EQ(found.skipped.size(), 2U);
  try {
    load_checkpoint(run.folder.path());
    ADD_FAILURE();
  } catch (const FormatError& error) {
    EXPECT_THAT(error.what(), HasSubstr("expected a whole checkpoint, got only damaged ones:\n"));
    EXPECT_THAT(error.what(), HasSubstr((run.path(1) / "manifest.json").string()));
    EXPECT_THAT(error.what(), HasSubstr(run.file("states.safetensors")));
  }
}

TEST(CheckpointDamage, ADamagedOneIsNotRemovedAndSavingGoesOn) {
  TwoSaved run("checkpoint_saving_on", {.keep = 1});
  test::write_file(run.file("manifest.json"), "{");
  run.save(3);
  run.save(4);
  EXPECT_TRUE(fs::exists(run.path(2)));
  EXPECT_FALSE(fs::exists(run.path(3)));
  auto found = run.folder.resume();
  EXPECT_EQ(found.checkpoint->step, 4);
  EXPECT_EQ(found.skipped.size(), 1U);
  run.save(2);  // takes the damaged one's place
  EXPECT_THAT(run.folder.resume().skipped, IsEmpty());
  EXPECT_EQ(run.folder.resume().checkpoint->step, 2);
}

}  // namespace
}  // namespace luxtorch
