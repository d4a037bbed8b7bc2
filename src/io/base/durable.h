// Writing that lasts: what AtomicFile and AtomicFolder share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace luxtorch::io {

/// All bytes at `offset` of an open file; false with errno where the disk does not take them.
bool write_all(int descriptor, uint64_t offset, std::string_view bytes);

/// Asks that the names in a folder reach the disk. Not every file system can.
void sync_folder(const std::filesystem::path& folder);

/// Makes a folder and those around it that are missing, and asks that they reach the disk.
std::error_code make_folders(const std::filesystem::path& folder);

/// The folder that a path lies in, "." for a bare name.
std::filesystem::path folder_of(const std::filesystem::path& path);

}  // namespace luxtorch::io
