// A process whose library says that it is another version: failures_test.py starts it beside one that does not.
#include <iostream>

#include "luxtorch/core/error.h"
#include "luxtorch/distributed/init.h"
#include "luxtorch/version.h"

// Linked before the library's own.
const char* luxtorch::version() noexcept { return "0.0.1"; }

int main() {
  try {
    luxtorch::distributed::init();
  } catch (const luxtorch::Error& error) {
    std::cerr << error.what() << std::endl;
    return 4;
  }
  return 0;
}
