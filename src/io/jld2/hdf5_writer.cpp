#include "io/jld2/hdf5_writer.h"

#include <algorithm>
#include <cstdio>

namespace luxtorch::jld2 {
namespace {

constexpr hsize_t kUserBlock = 512;        // where JLD2 has its header text
constexpr size_t kLargestCompact = 60000;  // bytes; an object header message has 64 KiB

// Links stay in the group's header (never a fractal heap), in one chunk where the guess is right.
void keep_links_compact(hid_t list, size_t links, unsigned name_length) {
  check(H5Pset_link_phase_change(list, 65535, 0));
  check(H5Pset_est_link_info(list, static_cast<unsigned>(std::clamp<size_t>(links, 8, 1000)),
                             name_length));
  check(H5Pset_obj_track_times(list, false));
}

H5::DataSpace dataspace(const Hdf5Writer::Space& space) {
  if (space.kind == H5S_SIMPLE) return {static_cast<int>(space.dims.size()), space.dims.data()};
  return H5::DataSpace(space.kind);
}

}  // namespace

Hdf5Writer::Hdf5Writer(hdf5::FileDriver& driver, size_t variables) : driver_(driver) {
  named_.setCharEncoding(H5T_CSET_UTF8);
  H5::FileCreatPropList create;
  create.setUserblock(kUserBlock);
  keep_links_compact(create.getId(), variables + 1, 16);
  H5::FileAccPropList access;
  // Superblock 2 and version 2 object headers, but chunk indices that JLD2 knows.
  access.setLibverBounds(H5F_LIBVER_V18, H5F_LIBVER_V18);
  driver.choose_in(access.getId());
  file_ = Handle(H5Fcreate("luxtorch", H5F_ACC_TRUNC, create.getId(), access.getId()), H5Fclose);

  Handle group(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  keep_links_compact(group, 64, 8);
  types_ = Handle(H5Gcreate2(file_, "_types", named_.getId(), group, H5P_DEFAULT), H5Gclose);
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
  char name[16];
  std::snprintf(name, sizeof name, "%08d", ++type_count_);
  check(H5Olink(type, types_, name, named_.getId(), H5P_DEFAULT));
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
  types_.close();
  file_.close();
}

}  // namespace luxtorch::jld2
