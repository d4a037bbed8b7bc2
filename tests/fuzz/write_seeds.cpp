// fuzz_seeds FOLDER: writes the files that the fuzzer begins with to FOLDER/jld2, FOLDER/numpy, ...
#include <cstdio>

#include "fuzz/seeds.h"
#include "support/files.h"

int main(int count, char** arguments) {
  namespace fs = std::filesystem;
  if (count != 2) {
    std::fputs("fuzz_seeds FOLDER\n", stderr);
    return 2;
  }
  fs::path scratch = fs::path(arguments[1]) / "scratch";
  for (const char* target : {"jld2", "numpy", "safetensors", "torch_archive"}) {
    fs::path folder = fs::path(arguments[1]) / target;
    fs::create_directories(folder);
    fs::create_directories(scratch);
    for (const auto& [name, bytes] : luxtorch::fuzz::seeds(target, scratch))
      luxtorch::test::write_file(folder / name, bytes);
    fs::remove_all(scratch);
  }
  return 0;
}
