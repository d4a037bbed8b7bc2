#include "turns.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>
#include <limits>
#include <vector>

namespace bench {

namespace {

void print(int64_t value) { std::cout << value; }
// As Python reads it: a stream would write nan and inf.
void print(double value) {
  if (std::isfinite(value)) {
    std::cout << value;
  } else {
    std::cout << (std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
  }
}

template <class T>
void print(const char* name, const std::vector<T>& values) {
  std::cout << '"' << name << "\": [";
  for (size_t i = 0; i < values.size(); ++i) {
    if (i) std::cout << ", ";
    print(values[i]);
  }
  std::cout << ']';
}

// As a JSON string. std::quoted leaves line ends as they are: only the first line is kept.
void answer(const char* name, std::string text) {
  text.resize(std::min(text.find('\n'), text.size()));
  std::cout << "{\"" << name << "\": " << std::quoted(text) << '}' << std::endl;
}

// Of all threads.
int64_t processor_ns() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

void take_turn(const Work& work, int warm, int steps) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> values;
  std::vector<int64_t> times;
  for (int i = 0; i < warm; ++i) {
    work.step();
    values.push_back(work.value());
  }
  int64_t cpu_ns = 0;
  for (int i = 0; i < steps; ++i) {
    const int64_t cpu_before = processor_ns();
    const auto before = Clock::now();
    work.step();
    times.push_back(std::chrono::nanoseconds(Clock::now() - before).count());
    cpu_ns += processor_ns() - cpu_before;
    values.push_back(work.value());
  }
  std::cout << '{';
  print("values", values);
  std::cout << ", ";
  print("ns", times);
  std::cout << ", \"cpu_ns\": " << cpu_ns << '}' << std::endl;
}

}  // namespace

int take_turns(const std::string& about, int threads,
               const std::function<Start(const std::string& file, bool train)>& open_problem) {
  std::cout << std::setprecision(std::numeric_limits<double>::max_digits10);
  std::cout << "{\"ready\": " << std::quoted(about) << ", \"threads\": " << threads << '}'
            << std::endl;
  Start start;
  Work work;
  std::string word;
  try {
    while (std::cin >> word) {
      if (word == "problem") {
        std::string what, file;
        std::cin >> what >> std::ws;
        std::getline(std::cin, file);
        work = {}, start = {};  // frees the last one
        try {
          start = open_problem(file, what == "step");
        } catch (const std::exception& error) {
          answer("skip", error.what());
          continue;
        }
        answer("problem", file);
      } else {
        int warm = 0, steps = 0;
        if (word == "turn") {
          std::cin >> warm;
          work = {};
          work = start();
        }
        std::cin >> steps;
        take_turn(work, warm, steps);
      }
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}

}  // namespace bench
