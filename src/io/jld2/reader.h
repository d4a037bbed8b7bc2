// From the objects of an HDF5 file to a Tree, by the rules of JLD2.jl or as a plain HDF5 file.
//
// Reader is split by what it reads: reader.cpp the file as a whole, reader_types.cpp the Julia types
// that a file describes, reader_values.cpp single values, reader_foreign.cpp those of other types,
// reader_arrays.cpp datasets, reader_plain.cpp what plain HDF5 files have of their own.
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
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "io/base/fault.h"
#include "io/hdf5/file.h"
#include "io/jld2/julia_type.h"
#include "io/jld2/tensor_bytes.h"
#include "luxtorch/tree.h"

namespace luxtorch::jld2 {

/// A value that is not of a kind that a Tree has, or not known to the reader at all.
struct Note {
  std::string path;        // keys and numbers from the root on, joined by dots
  std::string julia_type;  // empty: the file does not say
  std::string problem;     // empty: the tree has the value's fields; else why it has none there
};
struct Notes {
  std::vector<Note> list;  // 10,000 at most
  size_t left_out = 0;     // more than those
  /// The first value that save() would write as a value of another Julia type: a Float32 as a
  /// Float64, a Symbol as a String, a vector of strings as a Tuple.
  std::optional<Note> changing;
  bool is_jld2 = false;  // the file has JLD2's header text
};

/// kJulia: groups are variables, arrays have Julia's shape. kPlainHdf5: arrays have HDF5's shape, arrays of
/// other things are nested tuples, and hdf5/marks.h tells the rest.
enum class Rule { kJulia, kPlainHdf5 };

class Reader {
 public:
  /// `notes` may be null: then what is not known is a Fault.
  /// most_values: nodes of the tree that are allowed even to a small file, 2^20 at least; and besides
  /// them the elements of arrays that the file holds.
  Reader(const hdf5::File& file, Notes* notes, Rule rule, uint64_t most_values = 0);

  static constexpr uint64_t kNodeBytes = 64;  // about what one node of a tree takes

  /// The variables of the file. Throws io::Fault, whose path names the value that is wrong.
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
  Tree group(const hdf5::Object& object, uint64_t address);
  /// What a link of the group at `group` leads to; none for a datatype of plain HDF5.
  std::optional<Tree> linked(uint64_t group, const hdf5::Link& link);
  Tree element(const Format& format, hdf5::Bytes bytes);
  Tree value(const Format& format, hdf5::Bytes bytes);
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
  std::optional<NumberLayout> number_layout(const hdf5::Object& object, const Format& format);
  Tree packed(const Format& format, hdf5::Bytes bytes, const std::vector<uint64_t>& julia_size);
  Tensor numbers(const hdf5::Datatype& type, Dtype dtype, const std::vector<uint64_t>& julia_size,
                 hdf5::Bytes bytes);
  Tree elements(const Format& format, hdf5::Bytes bytes, uint64_t count,
                const std::vector<uint64_t>& julia_size);
  Tree shaped(std::vector<Tree> elements, const JuliaTypePtr& type,
              const std::vector<uint64_t>& julia_size);

  // plain HDF5
  bool is_plain() const { return rule_ == Rule::kPlainHdf5; }
  Tree plain_group(const hdf5::Object& object, uint64_t address);
  Tree plain_dataset(const hdf5::Object& object);
  std::string text_attribute(const hdf5::Object& object, std::string_view name);

  Tree counted(Tree tree);
  void count_nodes(uint64_t nodes);

  /// f() for the value `name` of what is being read; its path is right in notes and Faults.
  template <class F>
  auto at_path(const std::string& name, F f);
  std::string path() const;
  /// Notes the value being read.
  void note(const std::string& julia_type, const std::string& problem = "");
  void note_unknown(const io::Fault& fault);
  /// What was noted so far.
  struct Mark {
    size_t notes = 0;
    std::optional<Note> changing;
  };
  Mark noted() const;
  /// Changes the notes of parts of the value being read that came after `since`: `rename` gets the
  /// part's path within the value, and gives another one or none, for no note. What save() would
  /// change in the parts is forgotten.
  using Renaming = std::function<std::optional<std::string>(const std::string&)>;
  void rename_noted(const Mark& since, const Renaming& rename);
  /// Notes that save() would write the value being read as one of another type than `julia_type`.
  void changes(const std::string& julia_type);
  bool is_training() const { return !names_.empty() && *names_.back() == "training"; }
  /// A named tree that begins with a type's name, noted.
  Tree foreign_tree(const std::string& julia_type, std::vector<Tree::Item> items);

  const hdf5::File& file_;
  Notes* notes_;
  Rule rule_;
  bool is_jld2_ = false;                   // the file has JLD2's header text
  std::vector<const std::string*> names_;  // of the values around the one being read
  int depth_ = 0;
  uint64_t nodes_ = 0;  // of the result, shared parts counted as often as they appear
  uint64_t most_nodes_;
  std::unordered_map<uint64_t, std::unique_ptr<const Committed>> committed_;
  std::unordered_map<uint64_t, io::Fault> unknown_types_;
  std::unordered_map<uint64_t, JuliaParameter> parameters_;
  std::unordered_map<uint64_t, Counted> objects_;
  std::unordered_map<const JuliaType*, Counted> empty_values_;
  std::unordered_set<uint64_t> open_, open_types_;  // being read now, to notice circles
  std::unordered_set<uint64_t> datatypes_;          // objects of plain HDF5 that are no values
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

template <class F>
auto Reader::at_path(const std::string& name, F f) {
  names_.push_back(&name);
  try {
    auto value = f();
    names_.pop_back();
    return value;
  } catch (io::Fault& fault) {
    names_.pop_back();
    fault.place = fault.place.empty() ? name : name + "." + fault.place;
    throw;
  }
}

/// A named tree, nested where names have dots; names that make no tree are a Fault.
Tree named_from_file(std::vector<Tree::Item> items);

}  // namespace luxtorch::jld2
