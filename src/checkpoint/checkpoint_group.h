// What rank 0 of a group does for all of its processes, and what the others learn of it.
#pragma once

#include <functional>

#include "luxtorch/checkpoint/checkpoint.h"

namespace luxtorch::detail {

/// act() of rank 0, whose result goes to all. Its exception leaves rank 0, and is an ArgumentError of `who` elsewhere, an
/// io::DiskError where it is one.
Tree by_root(const Group& group, const char* who, const std::function<Tree()>& act);

Tree to_tree(const CheckpointFolder::Resumed& resumed);
CheckpointFolder::Resumed resumed_from(const Tree& t);

}  // namespace luxtorch::detail
