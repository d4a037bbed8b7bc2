#include "turns.h"

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

void take_turn(const Step& step, int warm, int steps) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> values;
  std::vector<int64_t> times;
  for (int i = 0; i < warm; ++i) values.push_back(step());
  for (int i = 0; i < steps; ++i) {
    const auto before = Clock::now();
    values.push_back(step());
    times.push_back(std::chrono::nanoseconds(Clock::now() - before).count());
  }
  std::cout << '{';
  print("values", values);
  std::cout << ", ";
  print("ns", times);
  std::cout << '}' << std::endl;
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
