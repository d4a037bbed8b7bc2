// The frame of a program of which several processes are started, and the bits that they compare.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "luxtorch/group.h"
#include "luxtorch/tree.h"

namespace luxtorch::testing {

/// Calls f with the group of all processes. The program's status: 0, or, with the error on stderr, 3 for a
/// DistributedError and 4 for another one (tests/support/processes.py).
int run_process(const std::function<void(const Group& group)>& f,
                std::chrono::milliseconds timeout = std::chrono::seconds(60));

/// The calls of a command line `MODE [WORD]... + MODE [WORD]...`, which the same processes take in turn: each a mode
/// and its words.
std::vector<std::vector<std::string>> calls_in_turn(int count, char** arguments);

/// The SHA-256 of all tensors' bytes.
std::string hash(const Tree& t);

}  // namespace luxtorch::testing
