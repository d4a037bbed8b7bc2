// What launchers tell the processes that they start.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "luxtorch/distributed/init.h"

namespace luxtorch::distributed {

struct MeetingPlace {
  std::string file;  // a path; else empty
  std::string host;
  uint16_t port = 0;
  bool served = false;  // the launcher serves the store; else rank 0 does
};

struct Launch {
  int64_t rank = 0, size = 1, local_rank = 0, local_size = 1;
  MeetingPlace at;
  std::string prefix;  // of the store's keys: another one for each restart
};

/// A variable of the environment.
using Variables = std::function<std::optional<std::string>(const char* name)>;
Variables process_variables();

/// size 1 where no launcher has started more. ArgumentError: see init.
Launch launch_of(const InitOptions& options, const Variables& variables);

/// InitOptions::check_calls, or LUXTORCH_DISTRIBUTED_CHECK=1. ArgumentError: a value of it other than 0 and 1.
bool checks_calls(const InitOptions& options, const Variables& variables);

}  // namespace luxtorch::distributed
