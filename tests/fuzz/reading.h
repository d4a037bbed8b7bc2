// What the targets share: a file in memory, and what must hold of everything that is read.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string_view>

#include "luxtorch/tree.h"

namespace luxtorch::fuzz {

/// Memory that the values of one file may take: far less than a program may have under a fuzzer.
inline constexpr uint64_t kMemory = uint64_t{1} << 28U;

/// Calls `load` with the bytes in memory of their own, where AddressSanitizer sees every look outside of
/// them, and looks at every tensor that comes of it. False for a luxtorch::Error, which must say `who` and
/// name the bytes. Throws std::logic_error where an error does not, or a tensor lies outside its storage.
bool loads(std::string_view who, std::string_view bytes,
           const std::function<Tree(std::span<const std::byte>)>& load);
/// The same with the path of a file that holds the bytes.
bool loads_file(std::string_view who, std::string_view bytes,
                const std::function<Tree(const std::filesystem::path&)>& load);

}  // namespace luxtorch::fuzz
