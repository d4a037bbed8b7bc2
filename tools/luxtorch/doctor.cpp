// luxtorch doctor: what a bug report should say of this build and this machine.

#include "doctor.h"

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <torch/headeronly/version.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>
#include <thread>

#if __has_include(<torch/headeronly/version.h>)
#include <torch/headeronly/version.h>
#else
#include <torch/version.h>
#endif

#include "commands.h"
#include "listing.h"
#include "luxtorch/version.h"

extern char** environ;

namespace {

using doctor::Section;

std::string compiler() {
#if defined(__clang__)
  return "Clang " __clang_version__;
#else
  return "GCC " __VERSION__;
#endif
}

Section build() {
  return {"build",
          {{"luxtorch", luxtorch::version()},
           {"compiler", compiler()},
           {"C++", std::to_string(__cplusplus)},
#if defined(NDEBUG)
           {"assertions", "off"}
#else
           {"assertions", "on"}
#endif
          }};
}

// What stands in a text behind `start`, up to one of the characters of `end`.
std::string behind(const std::string& text, std::string_view start, const char* end) {
  const auto at = text.find(start);
  if (at == std::string::npos) return "not said";
  const auto first = at + start.size();
  return text.substr(first, text.find_first_of(end, first) - first);
}

std::string accelerators() {
  const auto kind = at::accelerator::getAccelerator(false);
  if (!kind) return "none";
  return fmt::format("{} x {}", at::accelerator::deviceCount(), c10::DeviceTypeName(*kind, true));
}

Section libtorch() {
  const auto& context = at::globalContext();
  std::string flavour = context.hasCUDA() ? "CUDA" : context.hasHIP() ? "ROCm" : "CPU";
  return {"LibTorch",
          {{"version", behind(at::show_config(), "TORCH_VERSION=", ",\n")},
           {"compiled for", TORCH_VERSION},
           {"flavour", flavour},
           {"accelerators", accelerators()},
           {"CPU capability", at::get_cpu_capability()},
           {"products", behind(at::show_config(), "BLAS_INFO=", ",\n")},
           {"parallel backend", behind(at::get_parallel_info(), "ATen parallel backend: ", "\n")},
           {"threads", std::to_string(at::get_num_threads())},
           {"threads between operators", std::to_string(at::get_num_interop_threads())}}};
}

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "not said";
}

Section machine() {
  utsname system{};
  ::uname(&system);
  return {"machine",
          {{"system", fmt::format("{} {}", system.sysname, system.release)},
           {"processor", fmt::format("{} ({})", processor(), system.machine)},
           {"hardware threads", std::to_string(std::thread::hardware_concurrency())}}};
}

// Those that change numbers, speed or who works together; others may hold secrets.
bool matters(const std::string& name) {
  static const char* const kStarts[] = {"LUXTORCH_", "OMP_",      "GOMP_",  "KMP_",
                                        "MKL_",      "OPENBLAS_", "ATEN_",  "GLOO_",
                                        "NCCL_",     "CUDA_",     "MALLOC_"};
  static const char* const kNames[] = {
      "DNNL_MAX_CPU_ISA", "LD_PRELOAD", "MASTER_ADDR",     "MASTER_PORT", "RANK",
      "WORLD_SIZE",       "LOCAL_RANK", "LOCAL_WORLD_SIZE"};
  return std::ranges::any_of(kStarts, [&](const char* s) { return name.starts_with(s); }) ||
         std::ranges::find(kNames, name) != std::end(kNames);
}

Section environment() {
  Section section{"environment", {}};
  for (char** entry = environ; *entry; ++entry) {
    const char* equals = std::strchr(*entry, '=');
    if (!equals) continue;
    const std::string name(*entry, static_cast<size_t>(equals - *entry));
    if (matters(name)) section.lines.emplace_back(name, equals + 1);
  }
  std::ranges::sort(section.lines);
  return section;
}

void print_text(const std::vector<Section>& sections) {
  for (const auto& section : sections) {
    fmt::print("{}\n", section.name);
    size_t width = 0;
    for (const auto& [name, value] : section.lines) width = std::max(width, name.size());
    for (const auto& [name, value] : section.lines)
      fmt::print("  {:{}}  {}\n", printable(name), width, printable(value));
    if (section.lines.empty()) fmt::print("  nothing that matters is set\n");
  }
}

void print_json(const std::vector<Section>& sections) {
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  for (const auto& section : sections) {
    auto& lines = all[section.name] = nlohmann::ordered_json::object();
    for (const auto& [name, value] : section.lines) lines[name] = value;
  }
  fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace

int commands::doctor(const Doctor& options) {
  const std::vector<Section> sections = {build(),           libtorch(),        machine(),
                                         doctor::vectors(), doctor::kernels(), doctor::libraries(),
                                         environment()};
  options.json ? print_json(sections) : print_text(sections);
  return 0;
}
