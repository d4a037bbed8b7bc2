// The Julia types in a file: committed datatypes under /_types, and records of Core.DataType.
#include <algorithm>
#include <utility>

#include "io/base/fault.h"
#include "io/jld2/reader.h"

namespace luxtorch::jld2 {
namespace {

using hdf5::Attribute;
using hdf5::Bytes;
using hdf5::Datatype;
using io::damaged;

constexpr uint64_t kMostTupleTypes = 1 << 16;

std::string at_address(uint64_t address) { return "at address " + std::to_string(address); }

// What was written by several versions under several names.
JuliaTypePtr normalised(const hdf5::File& file, JuliaType type) {
  while (type.name.starts_with("Core.Core.")) type.name.erase(0, 5);  // Julia 1.0
  if (type.name == "Tuple") type.name = "Core.Tuple";
  bool is_ntuple = type.name == "NTuple" || type.name == "Core.NTuple";
  if (is_ntuple && type.parameters.size() == 2) {
    auto* count = std::get_if<Tree>(&type.parameters[0]);
    auto* element = std::get_if<JuliaTypePtr>(&type.parameters[1]);
    if (count != nullptr && count->is<int64_t>() && element != nullptr) {
      int64_t n = count->scalar<int64_t>();
      if (n < 0 || static_cast<uint64_t>(n) > kMostTupleTypes)
        io::unsupported("tuples of at most 65536 elements", std::to_string(n));
      file.reserve(static_cast<uint64_t>(n) * sizeof(JuliaParameter));
      type.name = "Core.Tuple";
      type.parameters.assign(static_cast<size_t>(n), JuliaParameter(*element));
    }
  }
  return std::make_shared<const JuliaType>(std::move(type));
}

}  // namespace

const Reader::Committed& Reader::committed(uint64_t address) {
  auto known = committed_.find(address);
  if (known != committed_.end()) return *known->second;
  if (auto unknown = unknown_types_.find(address); unknown != unknown_types_.end())
    throw unknown->second;
  if (!open_types_.insert(address).second)
    damaged("a type that does not contain itself", "a circle " + at_address(address));
  try {
    auto result = std::make_unique<const Committed>(read_committed(address));
    open_types_.erase(address);
    return *committed_.emplace(address, std::move(result)).first->second;
  } catch (const io::Fault& fault) {
    open_types_.erase(address);
    unknown_types_.emplace(address, fault);
    throw;
  }
}

Reader::Committed Reader::read_committed(uint64_t address) {
  hdf5::Object object = file_.object(address);
  if (!object.type || object.layout || object.type->inline_type == nullptr)
    damaged("a committed datatype " + at_address(address), "another object");
  Committed result{
      .datatype = object.type->inline_type, .type = {}, .written_as = {}, .member_types = {}};
  const Attribute* type = object.attribute("julia_type");
  if (type == nullptr) return result;
  if (type->type.committed == address && type->type.inline_type == nullptr)
    result.type = std::make_shared<const JuliaType>(JuliaType{"Core.DataType", {}});
  else
    result.type = attribute_type(*type);
  if (const Attribute* written = object.attribute("written_type"))
    result.written_as = attribute_type(*written);
  result.empty = object.attribute("empty") != nullptr;
  read_member_types(object, result);
  return result;
}

// 0.4 writes `field_datatypes`, one reference per member on disk; 0.5 and later `field_types` with
// `field_names`, one per field of the Julia type. 0: the member's type is not committed.
void Reader::read_member_types(const hdf5::Object& object, Committed& into) {
  const Attribute* types = object.attribute("field_types");
  if (types == nullptr) types = object.attribute("field_datatypes");
  if (types == nullptr) return;
  std::vector<std::string> names;
  uint64_t count = types->space.count();
  if (const Attribute* field_names = object.attribute("field_names")) {
    uint64_t most = field_names->data.size() / 16;
    for (uint64_t i = 0; i < std::min(count, most); ++i)
      names.push_back(heap_bytes(field_names->data.from(16 * i)).text());
  } else {
    for (const Datatype::Member& member : into.datatype->members) names.push_back(member.name);
  }
  for (uint64_t i = 0; i < std::min<uint64_t>(count, names.size()); ++i) {
    auto type = types->data.get<uint64_t>(8 * i);
    if (type != 0) into.member_types.emplace(names[i], type);
  }
}

JuliaTypePtr Reader::attribute_type(const Attribute& attribute) {
  if (attribute.type.inline_type != nullptr) {
    if (attribute.type.inline_type->kind != Datatype::Kind::kReference)
      damaged("a Julia type in attribute " + attribute.name, "another value");
    return type_parameter(attribute.data.get<uint64_t>(0));
  }
  const Committed& kind = committed(attribute.type.committed);
  if (kind.type == nullptr) damaged("a Julia type in attribute " + attribute.name, "a plain value");
  if (!kind.type->is("DataType")) return kind.type;  // a Union or UnionAll: its kind is enough
  return type_record(attribute.data);
}

// {name: string, parameters: list of references}
JuliaTypePtr Reader::type_record(Bytes record) {
  Deeper deeper(*this);
  JuliaType type;
  type.name = heap_bytes(record.sub(0, 16)).text();
  if (record.get<uint32_t>(16) != 0) {
    Bytes list = heap_bytes(record.sub(16, 16));
    for (uint64_t at = 0; at + 8 <= list.size(); at += 8)
      type.parameters.push_back(parameter(list.get<uint64_t>(at)));
  }
  return normalised(file_, std::move(type));
}

JuliaParameter Reader::parameter(uint64_t address) {
  auto known = parameters_.find(address);
  if (known != parameters_.end()) return known->second;
  return parameters_.emplace(address, read_parameter(address)).first->second;
}

JuliaParameter Reader::read_parameter(uint64_t address) {
  hdf5::Object object = file_.object(address);
  if (!object.type) damaged("a type or a value " + at_address(address), "a group");
  if (!object.layout) {
    const Committed& type = committed(address);
    if (type.type != nullptr) return type.type;
    damaged("a Julia type " + at_address(address), "a plain HDF5 datatype");
  }
  if (object.type->inline_type == nullptr) {
    JuliaTypePtr kind = committed(object.type->committed).type;
    if (kind != nullptr && kind->is("DataType")) {
      hdf5::RawData record = read_elements(file_, object, {}, 32);
      return type_record(record.bytes);
    }
    if (kind != nullptr && (kind->is("Union") || kind->is("UnionAll") || kind->is("TypeVar")))
      return kind;
  }
  // A part of a type, no value of the file: nothing is noted of it.
  Notes* notes = std::exchange(notes_, nullptr);
  try {
    Tree value = this->object(address);
    notes_ = notes;
    return value;
  } catch (...) {
    notes_ = notes;
    throw;
  }
}

JuliaTypePtr Reader::type_parameter(uint64_t address) {
  JuliaParameter found = parameter(address);
  if (auto* type = std::get_if<JuliaTypePtr>(&found)) return *type;
  damaged("a Julia type " + at_address(address), "a value");
}

Reader::Format Reader::format_of(const hdf5::TypeReference& reference) {
  if (reference.inline_type != nullptr) return {*reference.inline_type, nullptr, nullptr};
  const Committed& type = committed(reference.committed);
  return {*type.datatype, type.type, &type};
}

}  // namespace luxtorch::jld2
