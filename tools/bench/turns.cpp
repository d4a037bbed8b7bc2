#include "turns.h"

#include <time.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>
#include <limits>
#include <vector>

namespace bench {

namespace {

template <class T>
void print(const char* name, const std::vector<T>& values) {
  std::cout << '"' << name << "\": [";
  for (size_t i = 0; i < values.size(); ++i) std::cout << (i ? ", " : "") << values[i];
  std::cout << ']';
}

// Of all threads.
int64_t processor_ns() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

void take_turn(const Step& step, int warm, int steps) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> values;
  std::vector<int64_t> times;
  for (int i = 0; i < warm; ++i) values.push_back(step());
  const int64_t cpu_before = processor_ns();
  for (int i = 0; i < steps; ++i) {
    const auto before = Clock::now();
    values.push_back(step());
    times.push_back(std::chrono::nanoseconds(Clock::now() - before).count());
  }
  const int64_t cpu_ns = processor_ns() - cpu_before;
  std::cout << '{';
  print("values", values);
  std::cout << ", ";
  print("ns", times);
  std::cout << ", \"cpu_ns\": " << cpu_ns << '}' << std::endl;
}

}  // namespace

int take_turns(const std::string& about, int threads, const std::function<Step()>& start) {
  std::cout << std::setprecision(std::numeric_limits<double>::max_digits10);
  std::cout << "{\"ready\": " << std::quoted(about) << ", \"threads\": " << threads << '}'
            << std::endl;
  std::string word;
  int warm = 0, steps = 0;
  try {
    while (std::cin >> word >> warm >> steps) take_turn(start(), warm, steps);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}

}  // namespace bench
