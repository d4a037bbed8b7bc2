// What the processor and its memory can do: the limits that measured programs are compared with.
//
//     tools/run limit [--json] [--only fma|memory] [--threads N] [--milliseconds M]
//
// The most multiply-adds of float32 and float64 in registers, in GFLOP/s (a multiply-add is two
// operations), and the bandwidth of the memory in GB/s, on one processor and on N of them at once (by
// default all that the process may use). Each figure is the best of many short runs, in M milliseconds
// (by default 300). --json prints one line for programs.
#include <cstdlib>
#include <exception>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "fma_peak.h"
#include "memory_bandwidth.h"
#include "processors.h"

namespace bench {

namespace {

constexpr const char* kUsage =
    "usage: limit [--json] [--only fma|memory] [--threads N] [--milliseconds M]\n"
    "  N from 1 to the processors that this process may use, M from 1 to 60000\n";

struct Options {
  bool json = false, fma = true, memory = true;
  int threads = processors();
  double seconds = 0.3;
};

// std::invalid_argument for what is not understood.
Options parse(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--json") {
      options.json = true;
      continue;
    }
    const std::string value = i + 1 < count ? words[++i] : "";
    auto number = [&](long most) {
      char* end = nullptr;
      const long found = std::strtol(value.c_str(), &end, 10);
      if (value.empty() || *end != 0 || found < 1 || found > most)
        throw std::invalid_argument(word + " takes a whole number from 1 to " +
                                    std::to_string(most) + ", got \"" + value + "\"");
      return found;
    };
    if (word == "--threads") {
      options.threads = static_cast<int>(number(processors()));
    } else if (word == "--milliseconds") {
      options.seconds = 1e-3 * static_cast<double>(number(60'000));
    } else if (word == "--only" && (value == "fma" || value == "memory")) {
      options.fma = value == "fma";
      options.memory = value == "memory";
    } else {
      throw std::invalid_argument("there is no " + word + " " + value);
    }
  }
  return options;
}

nlohmann::ordered_json fma(double (*peak)(int threads, double seconds), const Options& options) {
  return {{"one", peak(1, options.seconds)}, {"all", peak(options.threads, options.seconds)}};
}

nlohmann::ordered_json memory(const Options& options) {
  const auto bytes = bandwidth_array_bytes();
  const auto one = memory_bandwidth(1, options.seconds, bytes);
  const auto all = memory_bandwidth(options.threads, options.seconds, bytes);
  return {{"array_bytes", bytes},
          {"read", {{"one", one.read}, {"all", all.read}}},
          {"copy", {{"one", one.copy}, {"all", all.copy}}},
          {"triad", {{"one", one.triad}, {"all", all.triad}}}};
}

void print_row(const std::string& name, const nlohmann::ordered_json& row) {
  std::cout << std::left << std::setw(24) << name << std::right << std::fixed
            << std::setprecision(1) << std::setw(12) << row["one"].get<double>() << std::setw(12)
            << row["all"].get<double>() << '\n';
}

void print(const nlohmann::ordered_json& found) {
  std::cout << "vectors: " << found["vectors"].get<std::string>() << "\n\n"
            << std::string(24, ' ') << "   processor" << std::setw(9) << found["threads"].dump()
            << " of\n"
            << std::string(24, ' ') << "       alone        them\n";
  if (found.contains("fma")) {
    print_row("float32, GFLOP/s", found["fma"]["float32"]);
    print_row("float64, GFLOP/s", found["fma"]["float64"]);
  }
  if (found.contains("memory")) {
    for (const char* way : {"read", "copy", "triad"})
      print_row(std::string("memory, ") + way + ", GB/s", found["memory"][way]);
    std::cout << "arrays of " << found["memory"]["array_bytes"].get<int64_t>() / (1 << 20)
              << " MiB\n";
  }
}

int run(const Options& options) {
  nlohmann::ordered_json found = {{"vectors", vectors()}, {"threads", options.threads}};
  if (options.fma)
    found["fma"] = {{"float32", fma(fma_peak_float32, options)},
                    {"float64", fma(fma_peak_float64, options)}};
  if (options.memory) found["memory"] = memory(options);
  if (options.json)
    std::cout << found.dump() << '\n';
  else
    print(found);
  return 0;
}

}  // namespace

}  // namespace bench

int main(int count, char** words) {
  if (count == 2 && std::string(words[1]) == "--help") {
    std::cout << bench::kUsage;
    return 0;
  }
  try {
    return bench::run(bench::parse(count, words));
  } catch (const std::invalid_argument& error) {
    std::cerr << "limit: " << error.what() << '\n' << bench::kUsage;
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "limit: " << error.what() << '\n';
    return 1;
  }
}
