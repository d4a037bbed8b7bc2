// Files that are no arrays' files: named as what they are, by every reader.
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <functional>

#include "luxtorch/core/error.h"
#include "luxtorch/io/io.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

struct Foreign {
  std::string bytes, what, advice;  // advice: a part of it
};

std::string padded(std::string bytes, size_t size) {
  bytes.resize(size);
  return bytes;
}

std::string matlab4(bool big_endian) {
  std::string head;
  for (uint32_t word : {big_endian ? 1000U : 0U, 1U, 2U, 0U, 2U})
    for (int i = 0; i < 4; ++i)
      head += static_cast<char>(word >> 8 * (big_endian ? 3 - i : i) & 0xffU);
  return head + "x\0"s + std::string(16, '\1');
}

std::vector<Foreign> foreign_files() {
  return {
      {test::read_file(fs::path(test::golden_folder()) / "files/lfs_pointer.safetensors"),
       "a Git LFS pointer", "git lfs pull"},
      {"/annex/objects/MD5E-s5--0.pt\n", "a git-annex pointer", "git annex get"},
      {"", "an empty file", "fetch it again"},
      {std::string(9000, '\0'), "a file whose first 4096 bytes are all 0", "fetch it again"},
      {"\xef\xbb\xbf\n <!DOCTYPE html>\n<html></html>", "an HTML page", "fetch the file itself"},
      {"<HTML><body>login</body></HTML>", "an HTML page", "fetch the file itself"},
      {"<?xml version=\"1.0\"?><Error/>", "an XML text", "fetch the file itself"},
      {"Entry not found", "a text that begins \"Entry not found\"", "fetch the file itself"},
      {"{\"metadata\": {}, \"weight_map\": {\"a\": \"model-00001-of-00002.safetensors\"}}",
       "the index of a model in several files (index.json)", "each of the files"},
      {"{\"hidden_size\": 8}", "a JSON text", "beside it"},
      {"\x1f\x8b\x08\0\0\0"s, "a gzip file", "gunzip"},
      {"BZh91AY&SY", "a bzip2 file", "bunzip2"},
      {"\xfd"
       "7zXZ\0\0"s,
       "an xz file", "unxz"},
      {"\x28\xb5\x2f\xfd\x04", "a Zstandard file", "unzstd"},
      {padded("MATLAB 5.0 MAT-file, Platform: GLNXA64", 128), "a MATLAB 5 file (.mat)", "-v7.3"},
      {matlab4(false), "a MATLAB 4 file (.mat)", "-v7.3"},
      {matlab4(true), "a MATLAB 4 file (.mat)", "-v7.3"},
      {"CDF\1\0\0\0\0"s, "a netCDF-3 file", "nccopy"},
      {"CDF\2\0\0\0\0"s, "a netCDF-3 file", "nccopy"},
      {"GGUF\3\0\0\0"s, "a GGUF file", "gguf"},
      {"\x80\4\x95\x0b\0\0\0\0\0\0\0}\x94."s, "a Python pickle", "numpy.savez"},
      {"\x80\2}q\0."s, "a Python pickle", "numpy.savez"},
      {"(dp0\nVa\np1\nI1\ns.", "a Python pickle", "numpy.savez"},
      {"cnumpy.core.multiarray\n_reconstruct\np0\n.", "a Python pickle", "numpy.savez"},
      {"\x08\x07\x12\x07pytorch\x1a", "an ONNX model", "Python"},
      {"\x0e\0\0\0\x10x\0\1\0\0\0\0\0\0"s, "a BSON file, as BSON.jl writes it", "JLD2"},
  };
}

const std::vector<std::pair<const char*, std::function<void(const fs::path&)>>> kReaders = {
    {"io::load", [](const fs::path& path) { io::load(path); }},
    {"safetensors::load", [](const fs::path& path) { safetensors::load(path); }},
    {"numpy::load", [](const fs::path& path) { numpy::load(path); }},
    {"torch_archive::load", [](const fs::path& path) { torch_archive::load(path); }},
    {"jld2::load", [](const fs::path& path) { jld2::load(path); }}};

TEST(FileKind, EveryReaderNamesWhatIsNoneOfItsFilesAndSaysWhatToDo) {
  auto path = test::fresh_folder("file_kind") / "model.safetensors";
  for (const auto& foreign : foreign_files()) {
    test::write_file(path, foreign.bytes);
    for (const auto& [who, read] : kReaders) {
      SCOPED_TRACE(std::string(who) + ": " + foreign.what);
      try {
        read(path);
        ADD_FAILURE() << "it loads";
      } catch (const FormatError& error) {
        std::string text = error.what();
        EXPECT_EQ(text.find("["s + who + "] at " + path.string() + ": expected "), 0U) << text;
        EXPECT_NE(text.find(", got " + foreign.what + ". "), text.npos) << text;
        EXPECT_NE(text.find(foreign.advice), text.npos) << text;
      }
    }
  }
}

TEST(FileKind, AReaderOfAnotherFormatSaysWhichFormatItIs) {
  auto folder = test::fresh_folder("file_kind_ours");
  Tree tree = named({{"w", at::ones({2})}});
  io::save(folder / "a.pt", tree);
  io::save(folder / "a.safetensors", tree);
  io::save(folder / "a.npz", tree);
  EXPECT_ERROR(FormatError, safetensors::load(folder / "a.pt"),
               "[safetensors::load] at " + (folder / "a.pt").string() +
                   ": expected a safetensors file, got a file of torch.save. io::load reads it.");
  EXPECT_ERROR(FormatError, torch_archive::load(folder / "a.npz"),
               "[torch_archive::load] at " + (folder / "a.npz").string() +
                   ": expected a file of torch.save, got an npz or npy file. io::load reads it.");
  EXPECT_ERROR(FormatError, jld2::load(folder / "a.safetensors"),
               "[jld2::load] at " + (folder / "a.safetensors").string() +
                   ": expected a JLD2 file, got a safetensors file. io::load reads it.");
}

}  // namespace
}  // namespace luxtorch
