// Meeting's store, for sources that see torch's c10d.
#pragma once

#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "distributed/meeting.h"

namespace luxtorch::distributed {

struct Meeting::Impl {
  c10::intrusive_ptr<c10d::Store> store;
  int64_t agreements = 0;
  bool root_serves = false;  // the store ends with rank 0
  bool waits = false;
  // Where the launcher serves the store: all of it, and the name of this life of the processes.
  c10::intrusive_ptr<c10d::Store> whole = {};
  std::string life = {};
};

}  // namespace luxtorch::distributed
