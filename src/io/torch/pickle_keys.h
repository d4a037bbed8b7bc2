// Keys of Python's dicts as names.
#pragma once

#include <optional>
#include <string>

#include "io/torch/pickle.h"

namespace luxtorch::io {

/// What Python prints of a key, a str without its quotes: 3, True, None, 0.5, b'\x00', (1, 'a'). None for
/// an object, a tensor and what has more than 8 levels or 4096 bytes.
std::optional<std::string> key_text(const Pickle& pickle, PickleId id);

}  // namespace luxtorch::io
