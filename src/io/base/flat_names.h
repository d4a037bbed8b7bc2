// Flat names of files as trees, and back: "0.weight" is file["0"]["weight"].
//
// A name nests on its dots. A key of a tree has no dot and is not empty, so that three things are
// written otherwise in it, the only rule of escaping that the library has:
//
//     %2E   a dot that nests nothing: one beside another dot or at an end of the name ("a..b", ".a"), or
//           one behind a name that the file has, too ("q.absmax" beside "q" is "q%2Eabsmax")
//     %     the whole key of an empty name
//     %25   the % of a name that has one of these itself: "a%2Eb" is "a%252Eb", "%" is "%25"
//
// Every name has one key and every key one name, so that what a file holds is written again under the
// names that it had.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "luxtorch/tree.h"

namespace luxtorch::io {

/// Can a name of the format be empty? In HDF5 none can; there "%" and its like are themselves.
enum class EmptyNames { kExist, kNever };

/// A named tree, nested on the names' dots. Throws an unsupported Fault for a name that is there twice and
/// for more than kDeepest parts.
Tree nest_names(const std::vector<Tree::Item>& flat, EmptyNames empty = EmptyNames::kExist);

/// The key of a name all of whose dots stay; the name of a key.
std::string key_of_name(std::string_view name, EmptyNames empty = EmptyNames::kExist);
std::string name_of_key(std::string_view key, EmptyNames empty = EmptyNames::kExist);

/// The names of a named tree's keys, in their order, of which nest_names makes these keys again. Throws
/// an unsupported Fault where none do: the name of "a%2Eb", "a.b", is a["b"] unless "a" is there, too.
std::vector<std::string> names_of_keys(std::span<const Tree::Item> items,
                                       EmptyNames empty = EmptyNames::kExist);

/// The flat name of a path in a tree, "q%2Eabsmax.0" as "q.absmax.0".
std::string name_of_path(std::string_view path);

/// Does nest_names of the leaves' flat names give these paths back? (Of what it made, it does.)
bool names_tell(const std::vector<std::string>& paths);

}  // namespace luxtorch::io
