// Julia types in a file: committed datatypes under /_types, and DataType objects as parameters.
#include <algorithm>

#include "io/jld2/value_writer.h"
#include "luxtorch/core/error.h"

namespace luxtorch::jld2 {
namespace {

using Kind = WriteType::Kind;

// A datatype message has at most 64 KiB; names of fields, offsets and types all count.
constexpr size_t kLargestMessage = 64000;

// libhdf5's picture in memory of a DataType.
struct RecordMemory {
  const char* name;
  hvl_t parameters;
};

RecordMemory memory_of(std::string&& name, const std::vector<hobj_ref_t>& parameters) = delete;

H5::CompType record_type() {
  H5::StrType text(H5::PredType::C_S1, H5T_VARIABLE);
  text.setCset(H5T_CSET_UTF8);
  text.setStrpad(H5T_STR_NULLPAD);
  H5::VarLenType references(H5::PredType::STD_REF_OBJ);
  H5::CompType type(sizeof(RecordMemory));
  type.insertMember("name", HOFFSET(RecordMemory, name), text);
  type.insertMember("parameters", HOFFSET(RecordMemory, parameters), references);
  return type;
}

// Points into its arguments.
RecordMemory memory_of(const std::string& name, const std::vector<hobj_ref_t>& parameters) {
  void* data = parameters.empty() ? nullptr : const_cast<hobj_ref_t*>(parameters.data());
  return {name.c_str(), {parameters.size(), data}};
}

}  // namespace

ValueWriter::ValueWriter(Hdf5Writer& file, bool compress)
    : file_(file), compress_(compress), record_memory_(record_type()) {
  commit_datatype();
}

// The first type describes types, itself among them.
void ValueWriter::commit_datatype() {
  datatype_ = file_.commit(
      encode_compound({{"name", encode_string()}, {"parameters", encode_reference_list()}}));
  Handle attribute = Hdf5Writer::attribute(datatype_, "julia_type", datatype_, {});
  const std::string name = "Core.DataType";
  RecordMemory record = memory_of(name, {});
  check(H5Awrite(attribute, record_memory_.getId(), &record));
  file_.link_type(datatype_);
}

ValueWriter::Committed ValueWriter::commit(Encoding encoding, const TypeRecord& record,
                                           const std::vector<Reference>& member_types,
                                           bool is_empty) {
  Handle id = file_.commit(encoding);
  bool any =
      std::any_of(member_types.begin(), member_types.end(), [](Reference r) { return r != 0; });
  // All attributes are created before the first is written: that keeps the header in one piece.
  Handle julia_type = Hdf5Writer::attribute(id, "julia_type", datatype_, {});
  Handle fields;
  Handle empty;
  if (any)
    fields = Hdf5Writer::attribute(id, "field_datatypes", Hdf5Writer::decode(encode_reference()),
                                   {H5S_SIMPLE, {member_types.size()}});
  if (is_empty)
    empty = Hdf5Writer::attribute(id, "empty", Hdf5Writer::decode(encode_number(Dtype::Byte)), {});
  RecordMemory memory = memory_of(record.name, record.parameters);
  check(H5Awrite(julia_type, record_memory_.getId(), &memory));
  if (any) check(H5Awrite(fields, H5T_STD_REF_OBJ, member_types.data()));
  uint8_t yes = 1;
  if (is_empty) check(H5Awrite(empty, H5T_NATIVE_UINT8, &yes));
  file_.link_type(id);
  Reference reference = Hdf5Writer::reference_to(id);
  return {.id = std::move(id), .reference = reference, .encoding = std::move(encoding)};
}

const ValueWriter::Committed& ValueWriter::committed(const WriteType& type) {
  auto known = committed_.find(&type);
  if (known != committed_.end()) return known->second;
  return committed_.emplace(&type, commit_compound(type)).first->second;
}

ValueWriter::Committed ValueWriter::commit_compound(const WriteType& type) {
  if (!type.has_data) return commit(encode_opaque(), record_of(type), {}, true);
  if (type.kind == Kind::kXoshiro) {
    std::vector<EncodedMember> words;
    for (const char* name : {"s0", "s1", "s2", "s3", "s4"})
      words.push_back({name, encode_number(Dtype::UInt64)});
    return commit(encode_compound(words), record_of(type), {}, false);
  }
  Encoding encoding;
  std::vector<Reference> member_types;
  bool nested_inline = true;
  for (bool done = false; !done;) {
    std::vector<EncodedMember> members;
    member_types.clear();
    for (size_t i = 0; i < type.fields.size(); ++i) {
      if (!type.fields[i]->has_data) continue;
      MemberFormat format = member_format(*type.fields[i], nested_inline);
      members.push_back({type.names[i], std::move(format.encoding)});
      member_types.push_back(format.committed);
    }
    encoding = encode_compound(members);
    done = encoding.size() <= kLargestMessage || !nested_inline;
    if (!done) nested_inline = false;  // references need less room and read the same
  }
  if (encoding.size() > kLargestMessage)
    throw UnsupportedError(
        "jld2::save", "expected nodes of at most some 2000 entries, got one of " +
                          std::to_string(type.fields.size()) + ". Nest it, or stack its tensors.");
  Committed result = commit(std::move(encoding), record_of(type), member_types, false);
  result.nested_inline = nested_inline;
  return result;
}

ValueWriter::MemberFormat ValueWriter::member_format(const WriteType& type, bool nested_inline) {
  if (type.kind == Kind::kNumber) return {encode_number(type.dtype)};
  if (type.kind == Kind::kString) return {encode_string()};
  if (!type.is_inline() || !nested_inline) return {encode_reference()};
  const Committed& nested = committed(type);
  return {nested.encoding, nested.reference};
}

const ValueWriter::Committed& ValueWriter::committed_symbol() {
  auto known = special_.find("Symbol");
  if (known != special_.end()) return known->second;
  return special_.emplace("Symbol", commit(encode_string(), {"Core.Symbol", {}}, {}, false))
      .first->second;
}

// Tuple{Symbol, Symbol, ...}, the type of a NamedTuple's names.
const ValueWriter::Committed& ValueWriter::committed_symbols(size_t count) {
  std::string key = "Symbols " + std::to_string(count);
  auto known = special_.find(key);
  if (known != special_.end()) return known->second;
  TypeRecord record{"Core.Tuple", {}};
  if (count == 0)
    return special_.emplace(key, commit(encode_opaque(), record, {}, true)).first->second;
  record.parameters.assign(count, committed_symbol().reference);
  std::vector<EncodedMember> members;
  for (size_t i = 1; i <= count; ++i) members.push_back({std::to_string(i), encode_string()});
  Encoding encoding = encode_compound(members);
  if (encoding.size() > kLargestMessage)
    throw UnsupportedError("jld2::save",
                           "expected nodes of at most some 2000 entries, got one of " +
                               std::to_string(count) + ". Nest it, or stack its tensors.");
  return special_.emplace(key, commit(std::move(encoding), record, record.parameters, false))
      .first->second;
}

const ValueWriter::Committed& ValueWriter::committed_complex(Dtype real) {
  std::string key = "Complex " + julia_number(real);
  auto known = special_.find(key);
  if (known != special_.end()) return known->second;
  Encoding encoding = encode_compound({{"re", encode_number(real)}, {"im", encode_number(real)}});
  return special_
      .emplace(key, commit(std::move(encoding), {"Base.Complex", {element_type(real)}}, {}, false))
      .first->second;
}

ValueWriter::TypeRecord ValueWriter::record_of(const WriteType& type) {
  switch (type.kind) {
    case Kind::kNumber:
      return {julia_number(type.dtype), {}};
    case Kind::kString:
      return {"Core.String", {}};
    case Kind::kNothing:
      return {"Core.Nothing", {}};
    case Kind::kVal:
      return {"Base.Val", {bool_parameter(type.val)}};
    case Kind::kXoshiro:
      return {"Random.Xoshiro", {}};
    case Kind::kArray:
      return {"Core.Array", {element_type(type.dtype), number_parameter(type.rank)}};
    case Kind::kNamedTuple:
      return {"Core.NamedTuple", {names_parameter(type.names), type_parameter(*type.as_tuple)}};
    case Kind::kTuple:
      break;
  }
  TypeRecord record{"Core.Tuple", {}};
  for (const WriteTypePtr& field : type.fields) record.parameters.push_back(type_parameter(*field));
  return record;
}

// Types whose values lie inside others are referred to as committed, all others by a DataType.
ValueWriter::Reference ValueWriter::type_parameter(const WriteType& type) {
  bool composite = type.kind == Kind::kNamedTuple || type.kind == Kind::kTuple;
  if (composite && type.has_data && type.is_inline()) return committed(type).reference;
  auto known = type_parameters_.find(&type);
  if (known != type_parameters_.end()) return known->second;
  return type_parameters_.emplace(&type, plain_type(record_of(type))).first->second;
}

ValueWriter::Reference ValueWriter::plain_type(const TypeRecord& record) {
  std::string key = "type " + record.name;
  for (Reference parameter : record.parameters) key.append(" ").append(std::to_string(parameter));
  auto [known, is_new] = parameters_.try_emplace(key);
  if (is_new) {
    Handle dataset = file_.dataset(datatype_, {});
    RecordMemory memory = memory_of(record.name, record.parameters);
    check(H5Dwrite(dataset, record_memory_.getId(), H5S_ALL, H5S_ALL, H5P_DEFAULT, &memory));
    known->second = Hdf5Writer::reference_to(dataset);
  }
  return known->second;
}

ValueWriter::Reference ValueWriter::element_type(Dtype dtype) {
  Dtype real = real_part_of(dtype);
  return real == Dtype::Undefined ? plain_type({julia_number(dtype), {}})
                                  : committed_complex(real).reference;
}

ValueWriter::Reference ValueWriter::number_parameter(int64_t value) {
  auto [known, is_new] = parameters_.try_emplace("number " + std::to_string(value));
  if (is_new) known->second = Hdf5Writer::reference_to(scalar(encode_number(Dtype::Long), &value));
  return known->second;
}

ValueWriter::Reference ValueWriter::bool_parameter(bool value) {
  auto [known, is_new] = parameters_.try_emplace(value ? "true" : "false");
  if (is_new) known->second = Hdf5Writer::reference_to(scalar(encode_number(Dtype::Bool), &value));
  return known->second;
}

ValueWriter::Reference ValueWriter::names_parameter(const std::vector<std::string>& names) {
  std::string key = "names";
  for (const std::string& name : names) key += '\0' + name;
  auto known = parameters_.find(key);
  if (known != parameters_.end()) return known->second;
  const Committed& type = committed_symbols(names.size());
  Handle dataset = file_.dataset(type.id, {names.empty() ? H5S_NULL : H5S_SCALAR});
  if (!names.empty()) {
    Handle memory = Hdf5Writer::decode(type.encoding);
    std::vector<const char*> texts;  // the members of the compound, without gaps in memory too
    for (const std::string& name : names) texts.push_back(name.c_str());
    check(H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts.data()));
  }
  return parameters_[key] = Hdf5Writer::reference_to(dataset);
}

}  // namespace luxtorch::jld2
