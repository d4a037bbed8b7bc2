// Runs all tests, or those whose name begins with the argument.
#include <gtest/gtest.h>

int main(int count, char** arguments) {
  const std::string wanted = count > 1 ? arguments[1] : "";
  int run = 0;
  for (const auto& test : plain_test::tests()) {
    if (!test.name.starts_with(wanted)) continue;
    const int before = plain_test::failures;
    test.body();
    std::cout << (plain_test::failures == before ? "passed " : "failed ") << test.name << std::endl;
    ++run;
  }
  return run == 0 || plain_test::failures > 0;
}
