// fuzz_seeds FOLDER: writes the files that the fuzzer begins with to FOLDER/jld2, FOLDER/numpy, ...
#include <cstdio>

#include "fuzz/seeds.h"
#include "fuzz/target.h"
#include "support/files.h"

int main(int count, char** arguments) {
  namespace fs = std::filesystem;
  if (count != 2) {
    std::fputs("fuzz_seeds FOLDER\n", stderr);
    return 2;
  }
  fs::path scratch = fs::path(arguments[1]) / "scratch";
  for (const auto& target : luxtorch::fuzz::targets()) {
    fs::path folder = fs::path(arguments[1]) / target.name;
    fs::create_directories(folder);
    fs::create_directories(scratch);
    for (const auto& [name, bytes] : luxtorch::fuzz::seeds(target.name, scratch))
      luxtorch::test::write_file(folder / name, bytes);
    fs::remove_all(scratch);
  }
  return 0;
}
