// A file that appears at once and whole, or not at all.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace luxtorch::io {

/// A temporary file in the folder of `path` that takes its place on commit(). Without a commit the
/// destructor removes it and whatever was at `path` stays. A symbolic link keeps pointing at the
/// file that is replaced; the file's permissions stay.
///
///     AtomicFile file("jld2::save", path);
///     write_everything_to(file.temporary());
///     file.commit();
class AtomicFile {
 public:
  /// Throws ArgumentError, in the name of `who`, where no file could be put at `path`: a missing or
  /// read-only folder, a folder or device of that name, a read-only file.
  AtomicFile(std::string who, std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  const std::filesystem::path& temporary() const { return temporary_; }

  /// Overwrites the temporary file's bytes from `offset` on. Throws ArgumentError where the disk does
  /// not take them.
  void write_at(uint64_t offset, std::string_view bytes);
  /// The temporary file's bytes from `offset` on; what is behind its end stays as it is in `to`.
  void read_at(uint64_t offset, char* to, size_t count) const;
  /// Cuts the temporary file or adds zeros. Throws ArgumentError.
  void resize(uint64_t size);
  /// Syncs the file, moves it to its place, and syncs the folder. Throws ArgumentError.
  void commit();

 private:
  [[noreturn]] void fail(const std::string& expected, const std::string& got,
                         const std::string& advice) const;
  [[noreturn]] void fail_with_errno(const std::string& expected) const;
  void check_target();
  void create();

  std::string who_;
  std::filesystem::path path_;       // as the caller wrote it
  std::filesystem::path target_;     // with symbolic links followed
  std::filesystem::path temporary_;  // empty: none there
  int descriptor_ = -1;
};

}  // namespace luxtorch::io
