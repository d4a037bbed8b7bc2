// luxtorch convert IN OUT: a file's tree in another format, and in another layout.

#include <fmt/format.h>

#include <filesystem>

#include "commands.h"
#include "listing.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/io.h"
#include "progress.h"

int commands::convert(const Convert& options) {
  // A link that leads nowhere counts as a file, too.
  if (!options.force &&
      std::filesystem::symlink_status(options.out).type() != std::filesystem::file_type::not_found)
    throw luxtorch::ArgumentError("convert", "expected a new file, got " + options.out +
                                                 ", which is there. --force replaces it.");
  auto tree = load(options.in);
  Mapped map;
  if (options.map) {
    map = mapped(tree, options.in, *options.map);
    tree = map.tree;
  }
  bool state_dict = options.map && options.map->to == ModelLayout::Torch;
  luxtorch::io::save(options.out, tree,
                     {.compress = options.compress, .torch_archive = {.state_dict = state_dict}});
  for (auto& row : map.table)
    for (auto& text : row) text = shown(text);
  if (options.map) print_table(map.table);
  for (const auto& name : map.left_out) fmt::print("left out: {}\n", shown(name));
  fmt::print("{}: {} tensors, {} bytes of numbers\n", printable(options.out),
             luxtorch::tree::tensors(tree).size(), luxtorch::tree::bytes(tree));
  return 0;
}
