// Trees into an HDF5 file, in the encoding of JLD2.jl 0.4 ("format 0.1.1"), which 0.4.24 to 0.6 read.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "io/jld2/hdf5_writer.h"
#include "io/jld2/write_type.h"

namespace luxtorch::jld2 {

class ValueWriter {
 public:
  ValueWriter(Hdf5Writer& file, bool compress);

  /// Writes a variable of the root group. Throws Hdf5Error.
  void write(const std::string& name, const Tree& value, const WriteType& type);

 private:
  using Reference = Hdf5Writer::Reference;
  using Space = Hdf5Writer::Space;

  /// A type under /_types.
  struct Committed {
    Handle id;
    Reference reference = 0;
    Encoding encoding;
    bool nested_inline = true;  // nested NamedTuples and Tuples lie inside, not behind references
  };
  /// What one compound member is on disk.
  struct MemberFormat {
    Encoding encoding;
    Reference committed = 0;
  };
  /// A DataType: its name and references to its parameters.
  struct TypeRecord {
    std::string name;
    std::vector<Reference> parameters;
  };

  // types (value_writer_types.cpp)
  void commit_datatype();
  const Committed& committed(const WriteType& type);
  const Committed& committed_symbol();
  const Committed& committed_symbols(size_t count);
  const Committed& committed_complex(Dtype real);
  Committed commit(Encoding encoding, const TypeRecord& record,
                   const std::vector<Reference>& member_types, bool is_empty);
  Committed commit_compound(const WriteType& type);
  MemberFormat member_format(const WriteType& type, bool nested_inline);
  TypeRecord record_of(const WriteType& type);
  Reference type_parameter(const WriteType& type);
  Reference plain_type(const TypeRecord& record);
  Reference element_type(Dtype dtype);
  Reference number_parameter(int64_t value);
  Reference bool_parameter(bool value);
  Reference names_parameter(const std::vector<std::string>& names);

  // values (value_writer.cpp)
  Handle object(const Tree& value, const WriteType& type);
  Handle array(const Tensor& tensor);
  Handle string(const std::string& text);
  Handle scalar(const Encoding& type, const void* value);
  Handle number(const Tree& value);
  Handle xoshiro(Rng rng, const WriteType& type);
  Handle compound(const Tree& value, const WriteType& type);
  Reference reference(const Tree& value, const WriteType& type);
  void fill(char* memory, hid_t memory_type, const Tree& value, const WriteType& type);

  Hdf5Writer& file_;
  bool compress_;
  Handle datatype_;  // the committed type of DataType
  H5::CompType record_memory_;
  std::unordered_map<const WriteType*, Committed> committed_;
  std::map<std::string, Committed> special_;  // Symbol, tuples of Symbols, Complex
  std::unordered_map<const WriteType*, Reference> type_parameters_;
  std::map<std::string, Reference> parameters_;  // by value: types without data, numbers, names
  std::deque<std::string> texts_;                // strings that libhdf5 still has to read
};

}  // namespace luxtorch::jld2
