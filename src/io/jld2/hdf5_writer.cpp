#include "io/jld2/hdf5_writer.h"

#include <algorithm>
#include <cstdio>

#include "luxtorch/core/error.h"

namespace luxtorch::jld2 {
namespace {

constexpr hsize_t kUserBlock = 512;  // where JLD2 has its header text
constexpr const char* kTypes = "_types";
constexpr size_t kLargestCompact = 60000;  // bytes; an object header message has 64 KiB

// Links stay in the group's header (never a fractal heap), in one chunk: libhdf5 is told how many they
// are and how long their names are on average.
void keep_links_compact(hid_t list, const std::vector<std::string>& names) {
  constexpr size_t kMost = 65535;  // that libhdf5 can be told of
  size_t count = std::max<size_t>(names.size(), 8), bytes = 0;
  // A link message counts a UTF-8 name's character set, and a long one's length with more bytes.
  for (const std::string& name : names) bytes += name.size() + (name.size() > 255 ? 4 : 1);
  check(H5Pset_link_phase_change(list, kMost, 0));
  check(H5Pset_est_link_info(
      list, static_cast<unsigned>(std::min(count, kMost)),
      static_cast<unsigned>(std::clamp<size_t>((bytes + count - 1) / count, 8, kMost))));
  check(H5Pset_obj_track_times(list, false));
}

// JLD2.jl follows the pieces of an object's header as long as no more than two wait; of three pieces
// beyond the first there are never more.
void require_few_pieces(hid_t group) {
  constexpr unsigned kMostPieces = 3;
  hdf5::ObjectInfo info;
  check(H5Oget_info2(group, &info, H5O_INFO_HDR));
  if (info.hdr.nchunks > kMostPieces)
    throw UnsupportedError(
        "jld2::save", "expected names for which JLD2.jl reads a group's header, got a header of " +
                          std::to_string(info.hdr.nchunks) +
                          " pieces. Save fewer variables, or nest them.");
}

std::string type_name(size_t number) {
  char name[24];
  std::snprintf(name, sizeof name, "%08zu", number);
  return name;
}

H5::DataSpace dataspace(const Hdf5Writer::Space& space) {
  if (space.kind == H5S_SIMPLE) return {static_cast<int>(space.dims.size()), space.dims.data()};
  return H5::DataSpace(space.kind);
}

}  // namespace

Hdf5Writer::Hdf5Writer(hdf5::FileDriver& driver, const std::vector<std::string>& variables)
    : driver_(driver) {
  named_.setCharEncoding(H5T_CSET_UTF8);
  H5::FileCreatPropList create;
  create.setUserblock(kUserBlock);
  std::vector<std::string> names = variables;
  names.emplace_back(kTypes);
  keep_links_compact(create.getId(), names);
  H5::FileAccPropList access;
  // Superblock 2 and version 2 object headers, but chunk indices that JLD2 knows.
  access.setLibverBounds(H5F_LIBVER_V18, H5F_LIBVER_V18);
  driver.choose_in(access.getId());
  file_ = Handle(H5Fcreate("luxtorch", H5F_ACC_TRUNC, create.getId(), access.getId()), H5Fclose);
}

Handle Hdf5Writer::decode(const Encoding& type) {
  Encoding framed{3, 0};  // an encoded datatype, version 0 of that frame
  framed.insert(framed.end(), type.begin(), type.end());
  framed.resize(framed.size() + 8);  // H5Tdecode is not told where the bytes end
  return {H5Tdecode(framed.data()), H5Tclose};
}

Handle Hdf5Writer::commit(const Encoding& type) {
  Handle committed = decode(type);
  Handle create(H5Pcreate(H5P_DATATYPE_CREATE), H5Pclose);
  check(H5Tcommit_anon(file_, committed, create, H5P_DEFAULT));
  // Two references make room for the count while the header can still grow in place.
  check(H5Oincr_refcount(committed));
  check(H5Oincr_refcount(committed));
  return committed;
}

void Hdf5Writer::link_type(hid_t type) {
  check(H5Iinc_ref(type));
  types_.emplace_back(type, H5Oclose);
}

Handle Hdf5Writer::dataset(hid_t type, const Space& space, const std::vector<hsize_t>& chunk) {
  H5::DataSpace extent = dataspace(space);
  bool is_empty = std::find(space.dims.begin(), space.dims.end(), hsize_t{0}) != space.dims.end();
  bool is_array = space.kind == H5S_SIMPLE && !is_empty;
  // JLD2 takes a dataset without an address for an empty vector, so that what has no bytes must be
  // compact, and everything else must be allocated at once.
  bool is_large = H5Tget_size(type) > kLargestCompact;
  H5::DSetCreatPropList create;
  check(H5Pset_obj_track_times(create.getId(), false));
  create.setFillTime(H5D_FILL_TIME_IFSET);
  create.setLayout(!is_array && !is_large ? H5D_COMPACT
                   : !chunk.empty()       ? H5D_CHUNKED
                                          : H5D_CONTIGUOUS);
  create.setAllocTime(H5D_ALLOC_TIME_EARLY);
  if (!chunk.empty()) {
    create.setChunk(static_cast<int>(chunk.size()), chunk.data());
    create.setDeflate(5);  // JLD2.jl's own level
  }
  Handle dataset(H5Dcreate_anon(file_, type, extent.getId(), create.getId(), H5P_DEFAULT),
                 H5Dclose);
  check(H5Oincr_refcount(dataset));  // stays without a name
  return dataset;
}

void Hdf5Writer::link(const std::string& name, hid_t object) {
  check(H5Olink(object, file_, name.c_str(), named_.getId(), H5P_DEFAULT));
  check(H5Odecr_refcount(object));
}

Handle Hdf5Writer::attribute(hid_t object, const char* name, hid_t type, const Space& space) {
  H5::DataSpace extent = dataspace(space);
  return {H5Acreate2(object, name, type, extent.getId(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose};
}

Hdf5Writer::Reference Hdf5Writer::reference_to(hid_t object) {
  Reference reference = 0;
  check(H5Rcreate(&reference, object, ".", H5R_OBJECT, -1));
  return reference;
}

void Hdf5Writer::write_elements(hid_t dataset, uint64_t offset, std::string_view bytes) {
  haddr_t begin = H5Dget_offset(dataset);
  if (begin == HADDR_UNDEF) hdf5::fail_with_reason();
  driver_.write(begin + offset, bytes);
}

void Hdf5Writer::write_chunk(hid_t dataset, hid_t memory, const std::vector<hsize_t>& begin,
                             const std::vector<hsize_t>& sizes, const void* elements) {
  Handle place(H5Dget_space(dataset), H5Sclose);
  check(H5Sselect_hyperslab(place, H5S_SELECT_SET, begin.data(), nullptr, sizes.data(), nullptr));
  H5::DataSpace part(static_cast<int>(sizes.size()), sizes.data());
  check(H5Dwrite(dataset, memory, part.getId(), place, H5P_DEFAULT, elements));
}

void Hdf5Writer::finish() {
  {
    std::vector<std::string> names;
    for (size_t i = 0; i < types_.size(); ++i) names.push_back(type_name(i + 1));
    Handle create(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
    keep_links_compact(create, names);
    Handle group(H5Gcreate2(file_, kTypes, named_.getId(), create, H5P_DEFAULT), H5Gclose);
    for (size_t i = 0; i < types_.size(); ++i)
      check(H5Olink(types_[i], group, names[i].c_str(), named_.getId(), H5P_DEFAULT));
    require_few_pieces(group);
  }
  require_few_pieces(file_);
  types_.clear();
  file_.close();
}

}  // namespace luxtorch::jld2
