// The Julia types that trees become: what has to be known about a value before a byte is written.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "luxtorch/tree.h"

namespace luxtorch::jld2 {

struct WriteType;
using WriteTypePtr = std::shared_ptr<const WriteType>;  // one object per type: compare pointers

struct WriteType {
  enum class Kind {
    kNumber,  // inline
    kString,  // inline in compounds
    kNamedTuple,
    kTuple,
    kNothing,
    kVal,      // Val{true}, Val{false}
    kArray,    // a dataset of its own
    kXoshiro,  // a dataset of its own
  };

  Kind kind = Kind::kNothing;
  Dtype dtype = Dtype::Undefined;       // of a number or of an array's elements
  int64_t rank = 0;                     // of an array
  bool val = false;                     // the parameter of a Val
  std::vector<std::string> names = {};  // of a NamedTuple; "1", "2", ... of a Tuple
  std::vector<WriteTypePtr> fields = {};
  WriteTypePtr as_tuple = nullptr;  // of a NamedTuple: the Tuple of its fields

  bool has_data = true;  // else the type alone is the value
  size_t size = 0;       // Julia's sizeof and alignment: JLD2 puts small values inline
  size_t alignment = 1;

  bool is_inline() const;
};

/// The name of a number's type in Julia, "Core.Float32"; empty where Julia or JLD2 has none.
std::string julia_number(Dtype dtype);
/// "Base.Complex" numbers are pairs of this, else Undefined.
Dtype real_part_of(Dtype dtype);

/// Finds the types of trees; equal types are one object.
class WriteTypes {
 public:
  /// The names in a file of a named tree's keys; path: of the tree. Throws UnsupportedError in the name of
  /// jld2::save for keys that none gives back.
  static std::vector<std::string> names_of(const std::string& path, const Tree& t);

  /// The type of the value under `key`, with everything below. Throws UnsupportedError in the name of
  /// jld2::save for what a JLD2 file cannot hold, with the path of the value.
  WriteTypePtr of(const std::string& key, const Tree& value);

 private:
  WriteTypePtr find(const std::string& path, const std::string& key, const Tree& value, int depth);
  WriteTypePtr composite(WriteType type);
  WriteTypePtr intern(std::string identity, WriteType type);

  std::map<std::string, WriteTypePtr> types_;
};

}  // namespace luxtorch::jld2
