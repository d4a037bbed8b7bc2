// The subcommands of the program luxtorch. Each prints its result and returns the exit status; what
// it cannot do it throws.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "map.h"

namespace commands {

struct Inspect {
  std::string file;
  bool json = false;
};
/// Prints what a file holds.
int inspect(const Inspect& options);

struct Diff {
  std::string a, b;
  double tolerance = 0;
};
/// Prints where two files differ; 1 if they do.
int diff(const Diff& options);

struct Convert {
  std::string in, out;
  bool force = false;
  bool compress = false;
  std::optional<MapOptions> map = {};
};
/// Writes a file's tree to another file, in another layout if asked.
int convert(const Convert& options);

struct Doctor {
  bool json = false;
};
/// Prints what a bug report should say of this build and this machine.
int doctor(const Doctor& options);

struct Verify {
  std::string file;
  // None: what a file of that size takes; 0: no limit.
  std::optional<unsigned> seconds = {};
  std::optional<uint64_t> megabytes = {};
};
/// Reads a file in a child process and prints a verdict; 1 if the file is not good.
int verify(const Verify& options);

struct Watch {
  std::vector<std::string> runs;
  bool once = false;
  bool logarithmic = false;
  int width = 0, height = 0;  // 0: the terminal's
};
/// Shows how trainings go until a key ends it; one frame where stdout is no terminal.
int watch(const Watch& options);

struct Report {
  std::vector<std::string> runs;
  std::string out = "report.html";
};
/// Writes a page about trainings.
int report(const Report& options);

}  // namespace commands
