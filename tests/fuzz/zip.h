// Zip archives that are damaged inside, with directories and checksums that are right.
#pragma once

#include <string>
#include <string_view>

#include "fuzz/target.h"

namespace luxtorch::fuzz {

/// Changes one entry of an archive, mostly one whose name ends in `suffix`, and writes the archive
/// anew around it; now and then the archive as a whole, with or without right checksums. What is no
/// archive is changed as it is.
std::string damage_zip(std::string file, size_t most, uint32_t seed, std::string_view suffix,
                       const Change& change);

}  // namespace luxtorch::fuzz
