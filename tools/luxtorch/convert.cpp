// luxtorch convert IN OUT: a file's tree in another format.

#include <fmt/format.h>

#include <filesystem>

#include "commands.h"
#include "listing.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/io.h"

int commands::convert(const Convert& options) {
  // A link that leads nowhere counts as a file, too.
  if (!options.force &&
      std::filesystem::symlink_status(options.out).type() != std::filesystem::file_type::not_found)
    throw luxtorch::ArgumentError("convert", "expected a new file, got " + options.out +
                                                 ", which is there. --force replaces it.");
  auto tree = luxtorch::io::load(options.in);
  luxtorch::io::save(
      options.out, tree,
      {.jld2 = {.compress = options.compress}, .numpy = {.compress = options.compress}});
  fmt::print("{}: {} tensors, {} bytes of numbers\n", printable(options.out),
             luxtorch::tree::tensors(tree).size(), luxtorch::tree::bytes(tree));
  return 0;
}
