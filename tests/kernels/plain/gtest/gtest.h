// The part of GoogleTest that the tests of the kernels use, for machines that it was not built for:
// TEST, EXPECT_EQ, EXPECT_TRUE, EXPECT_LE, SCOPED_TRACE (which says nothing) and a main(). Ends the program with 1 if an expectation failed.
#pragma once

#include <functional>
#include <iostream>
#include <string>
#include <vector>

namespace plain_test {

struct Test {
  std::string name;
  std::function<void()> body;
};
inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}
inline int failures = 0;

struct Registration {
  Registration(std::string name, std::function<void()> body) {
    tests().push_back({std::move(name), std::move(body)});
  }
};

// What follows an expectation with <<: printed where it failed.
class Result {
 public:
  explicit Result(bool failed) : failed_(failed) {}
  ~Result() {
    if (failed_) std::cout << std::endl;
  }
  template <class T>
  Result& operator<<(const T& value) {
    if (failed_) std::cout << value;
    return *this;
  }

 private:
  bool failed_;
};

template <class A, class B>
Result check(bool holds, const char* file, int line, const char* text, const A& a, const B& b) {
  if (!holds) {
    ++failures;
    std::cout << file << ":" << line << ": expected " << text << ", got " << a << " and " << b
              << " ";
  }
  return Result(!holds);
}

}  // namespace plain_test

#define TEST(suite, name)                                                           \
  static void suite##_##name();                                                     \
  static const plain_test::Registration suite##_##name##_is_there(#suite "." #name, \
                                                                  suite##_##name);  \
  static void suite##_##name()
#define PLAIN_TEST_CHECK(a, op, b) \
  plain_test::check((a)op(b), __FILE__, __LINE__, #a " " #op " " #b, (a), (b))
#define EXPECT_EQ(a, b) PLAIN_TEST_CHECK(a, ==, b)
#define EXPECT_LE(a, b) PLAIN_TEST_CHECK(a, <=, b)
#define EXPECT_TRUE(a) PLAIN_TEST_CHECK(a, ==, true)
#define SCOPED_TRACE(text) static_cast<void>(text)
