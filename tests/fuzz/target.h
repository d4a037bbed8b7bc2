// The readers as a fuzzer sees them: bytes go in, a tree or one of the library's errors comes out.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace luxtorch::fuzz {

/// Changes `bytes` somehow; they are at most `most` afterwards.
using Change = std::function<void(std::string& bytes, size_t most)>;

struct Target {
  std::string_view name;
  std::vector<std::string_view> formats;  // by their names in io::formats()
  /// Loads the bytes as a file: is it a value, or a luxtorch::Error? Throws std::logic_error where what
  /// comes out is not as promised, and whatever else the reader throws: both are findings.
  bool (*read)(std::string_view file);
  /// Changes a file by `change` where it matters, and makes its lengths and checksums right again, so
  /// that what was changed is read; `seed` decides where, and now and then leaves them wrong.
  std::string (*damage)(std::string file, size_t most, uint32_t seed, const Change& change);
};

Target jld2();
Target numpy();
Target safetensors();
Target torch_archive();

/// All of them.
inline std::vector<Target> targets() { return {jld2(), numpy(), safetensors(), torch_archive()}; }

}  // namespace luxtorch::fuzz
