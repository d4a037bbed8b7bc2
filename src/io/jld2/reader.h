// From the objects of an HDF5 file to a Tree, by the rules of JLD2.jl.
//
// Reader is split by what it reads: reader_types.cpp the Julia types that a file describes,
// reader_values.cpp single values, reader_foreign.cpp those of other types, reader_arrays.cpp
// datasets.
//
// What a Tree has no kind for becomes:
//   Symbol, Char                    a string
//   missing                         none
//   Val{true}, Val{false}           a bool
//   numbers                         int64 or double; a UInt64 that int64 does not hold: a uint64 tensor ();
//                                   Int128, UInt128: int64, or a string "0x..."; Complex: a tensor ()
//   vectors of anything but numbers a tuple
//   Group                           a named tree
//   a generator of Random           an Rng (rng_words.h)
//   Dict with names as keys         a named tree
//   every other type                a named tree of its fields after the entry julia_type, its name
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "io/hdf5/file.h"
#include "io/jld2/julia_type.h"
#include "luxtorch/tree.h"

namespace luxtorch::jld2 {

class Reader {
 public:
  explicit Reader(const hdf5::File& file);

  /// The variables of the file. Throws hdf5::Fault, whose path names the value that is wrong.
  Tree read();

 private:
  /// A datatype with a Julia type attached.
  struct Committed {
    hdf5::DatatypePtr datatype;
    JuliaTypePtr type;                             // null: a plain HDF5 type
    JuliaTypePtr written_as;                       // null: as it is
    std::map<std::string, uint64_t> member_types;  // committed types of a compound's members
    bool empty = false;                            // without data
  };
  /// Everything known about how to read one value.
  struct Format {
    const hdf5::Datatype& datatype;
    JuliaTypePtr type;           // null: by the datatype alone
    const Committed* committed;  // null: not a committed type
  };
  struct Counted {
    Tree tree;
    uint64_t nodes;
  };
  class Deeper;

  // types
  const Committed& committed(uint64_t address);
  Committed read_committed(uint64_t address);
  JuliaParameter parameter(uint64_t address);
  JuliaParameter read_parameter(uint64_t address);
  JuliaTypePtr type_parameter(uint64_t address);
  JuliaTypePtr attribute_type(const hdf5::Attribute& attribute);
  JuliaTypePtr type_record(hdf5::Bytes record);
  void read_member_types(const hdf5::Object& object, Committed& into);
  Format format_of(const hdf5::TypeReference& reference);

  // values
  Tree object(uint64_t address);
  Tree read_object(uint64_t address);
  Tree group(const hdf5::Object& object);
  Tree element(const Format& format, hdf5::Bytes bytes);
  Tree written_as(const Format& format, hdf5::Bytes bytes);
  Tree compound(const Format& format, hdf5::Bytes bytes);
  Tree fields(const Format& format, const JuliaFields& fields, hdf5::Bytes bytes);
  Tree member(const Format& format, const hdf5::Datatype::Member& member, JuliaTypePtr type,
              hdf5::Bytes bytes, bool may_be_undefined);
  Tree union_element(const Format& format, hdf5::Bytes bytes);
  Tree foreign(const Format& format, hdf5::Bytes bytes);
  Tree vlen(const Format& format, hdf5::Bytes bytes);
  Tree empty_value(const JuliaTypePtr& type);
  Tree make_empty_value(const JuliaTypePtr& type);
  hdf5::Bytes heap_bytes(hdf5::Bytes slot);

  // arrays
  Tree dataset(const hdf5::Object& object);
  Tree array(const hdf5::Object& object, const Format& format,
             const std::vector<uint64_t>& julia_size);
  Tree elements(const Format& format, hdf5::Bytes bytes, uint64_t count,
                const std::vector<uint64_t>& julia_size);
  Tree shaped(std::vector<Tree> elements, const JuliaTypePtr& type,
              const std::vector<uint64_t>& julia_size);

  Tree counted(Tree tree);
  void count_nodes(uint64_t nodes);

  const hdf5::File& file_;
  int depth_ = 0;
  uint64_t nodes_ = 0;  // of the result, shared parts counted as often as they appear
  uint64_t most_nodes_;
  std::unordered_map<uint64_t, std::unique_ptr<const Committed>> committed_;
  std::unordered_map<uint64_t, JuliaParameter> parameters_;
  std::unordered_map<uint64_t, Counted> objects_;
  std::unordered_map<const JuliaType*, Counted> empty_values_;
  std::unordered_set<uint64_t> open_, open_types_;  // being read now, to notice circles
};

/// Counts how deep the reader is, for as long as it lives.
class Reader::Deeper {
 public:
  explicit Deeper(Reader& reader);
  ~Deeper() { --reader_.depth_; }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;

 private:
  Reader& reader_;
};

/// The entry that names the Julia type of a value for which a Tree has no kind.
inline constexpr const char* kTypeKey = "julia_type";

/// f(), with `name` put in front of the path of a Fault that it throws.
template <class F>
auto at_path(const std::string& name, F f) {
  try {
    return f();
  } catch (hdf5::Fault& fault) {
    fault.path = fault.path.empty() ? name : name + "." + fault.path;
    throw;
  }
}

/// named(items), where keys that a Tree cannot hold are a Fault.
Tree named_from_file(std::vector<Tree::Item> items);

}  // namespace luxtorch::jld2
