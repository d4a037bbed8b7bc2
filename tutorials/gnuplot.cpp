#include "gnuplot.h"

#include <luxtorch/core/error.h>

#include <cstdio>
#include <cstdlib>

std::ofstream open_numbers(const char* who, const std::filesystem::path& path) {
  std::ofstream file(path);
  if (!file)
    throw luxtorch::ArgumentError(who, "expected a folder to write pictures to, got " +
                                           path.parent_path().string() + ", where " +
                                           path.filename().string() + " cannot be written.");
  return file;
}

bool gnuplot(const std::string& script) {
  if (std::system("command -v gnuplot > /dev/null 2>&1") != 0) return false;
  FILE* pipe = popen("gnuplot > /dev/null 2>&1", "w");
  if (!pipe) return false;
  std::fputs(script.c_str(), pipe);
  return pclose(pipe) == 0;
}
