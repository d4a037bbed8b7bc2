// Trees as JSON, without loss.
//
//     {"weight": {".tensor": "weight"}, "count": 3, "rate": 0.5, "carry": [null, true, "abc"]}
//
// A named tree is an object, a tuple a list, nothing null; bools, integers, finite doubles and
// strings are themselves. What JSON lacks is an object with one key that begins with a dot, which no
// key of a tree does: {".tensor": name}, {".rng": "16 hexadecimal digits"}, {".double": the same, of
// its bits} for infinities and NaN, {".bytes": hexadecimal digits} for a string that is not UTF-8.
#pragma once

#include <functional>
#include <string>

#include "io/base/json.h"
#include "luxtorch/tree.h"

namespace luxtorch::io {

/// The text of a tree. name: what to write for a tensor, given its path. Throws UnsupportedError in
/// the name of `who` for keys that are not UTF-8 and for more than kDeepest levels. indent: 0 for
/// one line, else the spaces per level.
std::string tree_to_json(const char* who, const Tree& tree,
                         const std::function<std::string(const std::string& path)>& name,
                         int indent = 0);

/// The tree of a value. tensor: the tensor of a name that is at this path. Throws JsonFault for
/// anything that tree_to_json does not write.
Tree tree_from_json(const Json& json, const std::function<Tensor(const std::string& name)>& tensor);

}  // namespace luxtorch::io
