// The table of formats: whose file is it, and the same file by its path and from memory.
#include "io/formats.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <typeinfo>

#include "luxtorch/core/error.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;

struct File {
  std::string name;
  const io::Format* format;
  std::string bytes;
};

Tree model() {
  return named({{"ps", named({{"weight", at::arange(600, kFloat32).view({20, 30})}})},
                {"st", named({{"steps", 3}, {"carry", tuple({at::zeros({2}), true})}})}});
}

// One for each extension, as far as this build writes them, and committed ones.
std::vector<File> files() {
  std::vector<File> all;
  auto folder = test::fresh_folder("formats");
  for (const auto& format : io::formats())
    for (const auto& extension : format.extensions) {
      auto path = folder / ("model" + std::string(extension.name));
      Tree tree = extension.name == ".npy" ? Tree(at::arange(3, kInt64)) : model();
      try {
        io::save(path, tree);
      } catch (const UnsupportedError&) {
        continue;  // a build without HDF5
      }
      all.push_back({path.filename().string(), &format, test::read_file(path)});
    }
  for (const char* name : {"jld2", "hdf5", "pt"})
    for (const auto& entry :
         fs::recursive_directory_iterator(fs::path(test::golden_folder()) / name))
      if (const auto* format = io::format_of_path(entry.path()); format && entry.is_regular_file())
        if (auto bytes = test::read_file(entry.path()); bytes.size() < 1U << 17U)
          all.push_back({entry.path().string(), format, std::move(bytes)});
  return all;
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// A tree, or the error that came in its place, with the file's name left out.
struct Outcome {
  Tree tree;
  std::string error;
};
Outcome outcome(const std::string& name, const std::function<Tree()>& load) {
  try {
    return {load(), ""};
  } catch (const Error& error) {
    std::string text = std::string(typeid(error).name()) + " " + error.what();
    auto at = text.find(name);
    if (at == text.npos) return {{}, text + ", which does not name " + name};
    return {{}, text.replace(at, name.size(), "FILE")};
  }
}

void expect_the_same(const fs::path& path, const std::string& bytes,
                     const std::function<Tree(const fs::path&)>& of_path,
                     const std::function<Tree(std::span<const std::byte>)>& of_bytes) {
  test::write_file(path, bytes);
  auto from_path = outcome(path.string(), [&] { return of_path(path); });
  auto from_memory = outcome("the bytes", [&] { return of_bytes(bytes_of(bytes)); });
  EXPECT_EQ(from_memory.error, from_path.error);
  EXPECT_TRUE(tree::equal(from_memory.tree, from_path.tree));
}

TEST(Formats, AnExtensionIsOfOneFormatInLettersOfEitherCase) {
  std::set<std::string_view> seen;
  for (const auto& format : io::formats())
    for (const auto& extension : format.extensions) {
      EXPECT_TRUE(seen.insert(extension.name).second) << extension.name;
      auto name = "a" + std::string(extension.name);
      EXPECT_EQ(io::format_of_path(name), &format);
      EXPECT_EQ(io::compresses(name), extension.compresses);
      std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
      EXPECT_EQ(io::format_of_path(name), &format);
    }
  EXPECT_EQ(io::format_of_path("a.txt"), nullptr);
  EXPECT_FALSE(io::compresses("a"));
}

TEST(Formats, EachKnowsItsOwnFilesAndNoOthers) {
  std::set<const io::Format*> seen;
  for (const auto& [name, format, bytes] : files()) {
    seen.insert(format);
    io::InputFile file("test", bytes_of(bytes));
    for (const auto& any : io::formats())
      EXPECT_EQ(any.type.is(io::Content(file)), &any == format) << name << ", " << any.name;
    EXPECT_EQ(io::kind_of(io::Content(file)).format, format) << name;
  }
  EXPECT_EQ(seen.size(), io::formats().size());
}

TEST(Formats, FromMemoryAFileIsWhatItIsByItsPath) {
  auto path = test::fresh_folder("formats_memory") / "anything";
  for (const auto& [name, format, bytes] : files()) {
    SCOPED_TRACE(name);
    io::Report by_path, from_memory;
    expect_the_same(
        path, bytes, [&](const fs::path& p) { return io::load(p, {.report = &by_path}); },
        [&](auto b) { return io::load(b, {.report = &from_memory}); });
    EXPECT_EQ(from_memory.entries.size(), by_path.entries.size());
  }
}

TEST(Formats, DamagedBytesGiveTheErrorOfTheDamagedFile) {
  auto path = test::fresh_folder("formats_damage") / "anything";
  int errors = 0;
  for (const auto& [name, format, whole] : files()) {
    if (name.find('/') != name.npos) continue;
    auto same = [&](const std::string& bytes) {
      SCOPED_TRACE(name + ", " + std::to_string(bytes.size()) + " bytes");
      expect_the_same(
          path, bytes, [](const fs::path& p) { return io::load(p); },
          [](auto b) { return io::load(b); });
      errors +=
          outcome("the bytes", [&] { return io::load(bytes_of(bytes)); }).error.empty() ? 0 : 1;
    };
    for (size_t i = 0; i < 24; ++i) {
      same(whole.substr(0, whole.size() * i / 24));
      std::string flipped = whole;
      for (size_t at = i; at < flipped.size(); at += 97)
        flipped[at] = static_cast<char>(~flipped[at]);
      same(flipped);
      flipped = whole;
      flipped[flipped.size() * i / 24] ^= 0x10;
      same(flipped);
    }
  }
  EXPECT_GT(errors, 100);
}

TEST(Formats, EveryReaderReadsFromMemory) {
  struct Reader {
    const char* name;
    std::function<Tree(const fs::path&)> of_path;
    std::function<Tree(std::span<const std::byte>)> of_bytes;
  };
  const std::vector<Reader> readers = {
      {"jld2", [](const auto& p) { return jld2::load(p); }, [](auto b) { return jld2::load(b); }},
      {"hdf5", [](const auto& p) { return hdf5::load(p); }, [](auto b) { return hdf5::load(b); }},
      {"safetensors", [](const auto& p) { return safetensors::load(p); },
       [](auto b) { return safetensors::load(b); }},
      {"torch_archive", [](const auto& p) { return torch_archive::load(p); },
       [](auto b) { return torch_archive::load(b); }},
      {"numpy", [](const auto& p) { return numpy::load(p); },
       [](auto b) { return numpy::load(b); }}};
  auto path = test::fresh_folder("formats_readers") / "anything";
  for (const auto& [name, format, bytes] : files())
    for (const auto& reader : readers) {  // of other formats' files the errors
      SCOPED_TRACE(name + std::string(" by ") + reader.name);
      expect_the_same(path, bytes, reader.of_path, reader.of_bytes);
    }
}

TEST(Formats, NothingIsNoFormat) {
  auto error = outcome("the bytes", [] { return io::load(std::span<const std::byte>()); }).error;
  EXPECT_NE(error.find("an empty file"), error.npos) << error;
}

TEST(Formats, TensorsFromMemoryAreCopiesAlsoWithMap) {
  for (const auto& [name, format, bytes] : files()) {
    if (name.find("model.") != 0 || name.ends_with(".npy")) continue;
    std::string mutable_bytes = bytes;
    Tree tree = io::load(bytes_of(mutable_bytes), {.map = true});
    std::ranges::fill(mutable_bytes, 'x');
    EXPECT_SAME(tree, model());
  }
}

}  // namespace
}  // namespace luxtorch
