#include "progress.h"

#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <system_error>

#include "listing.h"

namespace {

constexpr uintmax_t kLarge = uintmax_t{256} << 20U;

bool shown_for(uintmax_t bytes) { return bytes >= kLarge && luxtorch::is_terminal(std::cerr); }

}  // namespace

Reading::Reading(const std::string& file) {
  std::error_code fault;
  auto bytes = std::filesystem::file_size(file, fault);
  if (fault || !shown_for(bytes)) return;
  auto line =
      fmt::format("reading {} ({:.1f} GB)", printable(file), static_cast<double>(bytes) / 1e9);
  drawn_ = line.size();
  std::cerr << line << std::flush;
}

Reading::~Reading() {
  if (drawn_ > 0) std::cerr << '\r' << std::string(drawn_, ' ') << '\r' << std::flush;
}

luxtorch::Tree load(const std::string& file, const luxtorch::io::LoadOptions& options) {
  Reading line(file);
  return luxtorch::io::load(file, options);
}

luxtorch::ProgressBar tensors_bar(const luxtorch::Tree& tree) {
  return {std::cerr, static_cast<int64_t>(luxtorch::tree::tensors(tree).size()), "tensors",
          shown_for(static_cast<uintmax_t>(luxtorch::tree::bytes(tree)))};
}
