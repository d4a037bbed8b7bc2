#include "distributed/process.h"

#include <exception>
#include <iostream>

#include "luxtorch/distributed/init.h"
#include "luxtorch/io/sha256.h"

namespace luxtorch::testing {

int run_process(const std::function<void(const Group& group)>& f,
                std::chrono::milliseconds timeout) {
  try {
    f(distributed::init({.timeout = timeout, .start_timeout = timeout}));
  } catch (const DistributedError& error) {
    std::cerr << "DistributedError of rank " << error.rank() << ": " << error.what() << std::endl;
    return 3;
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 4;
  }
  return 0;
}

std::vector<std::vector<std::string>> calls_in_turn(int count, char** arguments) {
  std::vector<std::vector<std::string>> calls(1);
  for (int i = 1; i < count; ++i) {
    const std::string word = arguments[i];
    if (word == "+")
      calls.emplace_back();
    else
      calls.back().push_back(word);
  }
  return calls;
}

std::string hash(const Tree& t) {
  std::string bytes;
  for (const Tensor& x : tree::tensors(t)) {
    const Tensor dense = x.contiguous();
    bytes.append(static_cast<const char*>(dense.const_data_ptr()), dense.nbytes());
  }
  return sha256(bytes);
}

}  // namespace luxtorch::testing
