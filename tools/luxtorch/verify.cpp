// luxtorch verify FILE: is the whole file readable, and is every number finite?
//
// A child process reads, so that a reader that crashes or never ends is a verdict on the file.

#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <new>
#include <system_error>
#include <thread>

#include "commands.h"
#include "io/formats.h"
#include "listing.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/io.h"
#include "numbers.h"
#include "progress.h"
#include "text.h"

using luxtorch::Tree;

namespace {

struct Verdict {
  std::string text;
  bool good = true;
  void bad(const std::string& line) {
    text += line + "\n";
    good = false;
  }
};

std::string counts(int64_t nan, int64_t infinite, int64_t all) {
  return fmt::format("{} NaN and {} infinite of {}", luxtorch::grouped(nan),
                     luxtorch::grouped(infinite), luxtorch::grouped(all));
}

bool is_plain_hdf5(const std::string& file) {
  luxtorch::io::InputFile input("verify", file);
  const auto* format = luxtorch::io::kind_of(luxtorch::io::Content(input)).format;
  return format != nullptr && format->name == "hdf5";
}

struct Limits {
  uint64_t memory = 0;   // bytes; 0: none
  unsigned seconds = 0;  // 0: none
};

// What a file of its size takes, and something above: most of the bytes are numbers, and those that are
// compressed are at most a few times as many.
Limits limits_of(const commands::Verify& options) {
  constexpr uint64_t kMegabyte = 1'000'000, kBeside = 1000 * kMegabyte;
  constexpr uint64_t kSeconds = 60, kBytesPerSecond = 4 * kMegabyte;
  std::error_code fault;
  uint64_t size = std::filesystem::file_size(options.file, fault);
  if (fault) size = 0;  // the reader says why
  Limits limits;
  limits.memory = options.megabytes ? *options.megabytes * kMegabyte : size + kBeside;
  limits.seconds = options.seconds.value_or(
      static_cast<unsigned>(std::min<uint64_t>(kSeconds + size / kBytesPerSecond, 1'000'000)));
  return limits;
}

/// Memory that this process has for data now.
uint64_t data_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmData:")) return std::stoull(line.substr(7)) * 1024;
  return 0;
}

void limit_memory(uint64_t bytes) {
  if (bytes == 0) return;
  // The stacks of torch's threads count, too.
  constexpr uint64_t kStack = 8 << 20U;
  rlimit limit{};
  limit.rlim_cur = limit.rlim_max =
      data_bytes() + bytes + kStack * std::thread::hardware_concurrency();
  ::setrlimit(RLIMIT_DATA, &limit);
}

// What our reader does not know of a plain HDF5 file, libhdf5 may. It crashes on some damaged files,
// but here it takes no more with it than this child.
Tree load_whole(const std::string& file, luxtorch::io::Report& report) {
  Tree tree = luxtorch::io::load(file, {.report = &report});
  auto is_problem = [](const auto& entry) { return !entry.problem.empty(); };
  bool is_whole = report.left_out == 0 && std::ranges::none_of(report.entries, is_problem);
  if (is_whole || !is_plain_hdf5(file)) return tree;
  try {
    tree = luxtorch::hdf5::load_with_libhdf5(file);
    report = {};
  } catch (const luxtorch::UnsupportedError&) {
    // The report says what is not known.
  }
  return tree;
}

std::string too_large(uint64_t memory) {
  return fmt::format("not readable: reading took more than {} MB of memory; --memory allows more",
                     memory / 1'000'000);
}

// The allocator of torch has no error of its own for it.
bool is_out_of_memory(const std::exception& e) {
  return dynamic_cast<const std::bad_alloc*>(&e) != nullptr ||
         std::strstr(e.what(), "can't allocate memory") != nullptr;
}

Verdict read_all(const std::string& file, uint64_t memory) {
  Verdict v;
  luxtorch::io::Report report;
  Tree tree;
  try {
    tree = load_whole(file, report);
  } catch (const std::exception& e) {
    v.bad(is_out_of_memory(e) ? too_large(memory) : "not readable: " + printable(e.what()));
    return v;
  }
  for (const auto& e : report.entries)
    if (!e.problem.empty())
      v.bad(fmt::format("not readable: {}: {}", shown(e.path), printable(e.problem)));
  if (report.left_out > 0) v.bad(fmt::format("not known: {} more values", report.left_out));
  int64_t tensors = 0, numbers = 0;
  for_each_entry(
      [&](const std::string& path, const Tree& entry) {
        if (entry.is<double>()) {
          double x = entry.scalar<double>();
          if (!(x - x == 0)) v.bad(fmt::format("not finite: {}: {}", shown(path), value_of(entry)));
        }
        if (!entry.is_tensor() || !entry.tensor().defined()) return;
        auto s = summary(entry.tensor());
        ++tensors;
        numbers += count_of_numbers(entry.tensor());
        if (s.nan + s.infinite > 0)
          v.bad(fmt::format("not finite: {}: {}", shown(path),
                            counts(s.nan, s.infinite, count_of_numbers(entry.tensor()))));
      },
      tree);
  if (v.good)
    v.text = fmt::format("good: {} tensors, {} numbers, all finite\n", tensors,
                         luxtorch::grouped(numbers));
  return v;
}

[[noreturn]] void fault(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// The child's whole life. Nothing that it inherited is run at its end.
[[noreturn]] void child(const std::string& file, uint64_t memory, int out) {
  // What a library says before it dies is not for the user.
  if (std::freopen("/dev/null", "w", stderr) == nullptr) _exit(3);
  Verdict v;
  try {
    limit_memory(memory);
    v = read_all(file, memory);
  } catch (const std::exception& e) {
    v.bad(is_out_of_memory(e) ? too_large(memory) : "not readable: " + printable(e.what()));
  }
  for (size_t sent = 0; sent < v.text.size();) {
    auto n = ::write(out, v.text.data() + sent, v.text.size() - sent);
    if (n < 0 && errno != EINTR) _exit(3);
    if (n > 0) sent += static_cast<size_t>(n);
  }
  _exit(v.good ? 0 : 1);
}

/// All that comes from `in` until its end, or until the time is over: then `late` becomes true.
std::string receive(int in, unsigned seconds, bool& late) {
  using Clock = std::chrono::steady_clock;
  auto end = Clock::now() + std::chrono::seconds(seconds);
  std::string text;
  std::array<char, 4096> block;
  for (;;) {
    int wait_ms = -1;
    if (seconds > 0) {
      auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
      late = left <= 0;
      if (late) return text;
      wait_ms = static_cast<int>(std::min<int64_t>(left, 3'600'000));
    }
    pollfd ready{in, POLLIN, 0};
    int n = ::poll(&ready, 1, wait_ms);
    if (n < 0 && errno != EINTR) fault("poll");
    if (n <= 0) continue;
    auto got = ::read(in, block.data(), block.size());
    if (got == 0) return text;
    if (got > 0) text.append(block.data(), static_cast<size_t>(got));
    if (got < 0 && errno != EINTR) fault("read");
  }
}

}  // namespace

int commands::verify(const Verify& options) {
  Limits limits = limits_of(options);
  std::array<int, 2> pipe_ends;
  if (::pipe(pipe_ends.data()) != 0) fault("pipe");
  // Here, where torch has started no threads: a child would not have them.
  pid_t pid = ::fork();
  if (pid < 0) fault("fork");
  if (pid == 0) {
    ::close(pipe_ends[0]);
    child(options.file, limits.memory, pipe_ends[1]);
  }
  ::close(pipe_ends[1]);
  bool late = false;
  std::string text;
  {
    Reading line(options.file);
    text = receive(pipe_ends[0], limits.seconds, late);
  }
  ::close(pipe_ends[0]);
  if (late) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) fault("waitpid");
  auto file = printable(options.file);
  if (late) {
    fmt::print("{}: not readable: reading took more than {} s\n", file, limits.seconds);
    return 1;
  }
  if (WIFSIGNALED(status)) {
    fmt::print("{}: not readable: its reader crashed ({})\n", file, ::strsignal(WTERMSIG(status)));
    return 1;
  }
  for (size_t at = 0; at < text.size();) {
    auto end = text.find('\n', at);
    fmt::print("{}: {}\n", file, text.substr(at, end - at));
    at = end + 1;
  }
  return WEXITSTATUS(status) == 0 ? 0 : 1;
}
