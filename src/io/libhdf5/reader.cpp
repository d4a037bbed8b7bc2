// Groups, links and marks.
#include "io/libhdf5/reader.h"

#include "io/base/fault.h"
#include "io/hdf5/bytes.h"
#include "io/hdf5/marks.h"
#include "io/libhdf5/types.h"

namespace luxtorch::hdf5 {
namespace {

constexpr int kDeepest = 101;  // with the root

}  // namespace

std::string text_attribute(hid_t object, const char* name) {
  htri_t exists = H5Aexists(object, name);
  check(exists);
  if (exists == 0) return "";
  Handle attribute(H5Aopen(object, name, H5P_DEFAULT), H5Aclose);
  Handle type(H5Aget_type(attribute), H5Tclose), space(H5Aget_space(attribute), H5Sclose);
  if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1) return "";
  std::string text;
  if (H5Tis_variable_str(type) > 0) {
    char* data = nullptr;
    Handle memory = text_type();
    check(H5Tset_cset(memory, H5Tget_cset(type)));
    check(H5Aread(attribute, memory, &data));
    if (data != nullptr) text = data;
    H5free_memory(data);
  } else {
    text.resize(H5Tget_size(type));
    check(H5Aread(attribute, type, text.data()));
  }
  return text.substr(0, text.find('\0'));
}

namespace {

// What libhdf5 could not read is wrong with the file, or of a later version than it knows.
template <class F>
auto of_the_file(const char* expected, F f) {
  try {
    return f();
  } catch (const Hdf5Error& error) {
    refused(expected, error);
  }
}

template <class F>
auto at_path(const std::string& name, F f) {
  try {
    return f();
  } catch (io::Fault& fault) {
    fault.place = fault.place.empty() ? name : name + "." + fault.place;
    throw;
  }
}

#if H5_VERSION_GE(1, 12, 0)
herr_t iterate(hid_t group, H5_index_t index, H5L_iterate2_t collect, void* links) {
  return H5Literate2(group, index, H5_ITER_INC, nullptr, collect, links);
}
hid_t open_linked(hid_t group, const LinkInfo& info) {
  return H5Oopen_by_token(group, info.u.token);
}
#else
herr_t iterate(hid_t group, H5_index_t index, H5L_iterate_t collect, void* links) {
  return H5Literate(group, index, H5_ITER_INC, nullptr, collect, links);
}
hid_t open_linked(hid_t group, const LinkInfo& info) {
  return H5Oopen_by_addr(group, info.u.address);
}
#endif

std::string kind_of(H5L_type_t type) {
  return type == H5L_TYPE_SOFT       ? "a soft link"
         : type == H5L_TYPE_EXTERNAL ? "a link to another file"
                                     : "another program's link";
}

}  // namespace

void refused(const char* expected, const Hdf5Error& error) {
  std::string reason = error.what();
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  std::string library = "libhdf5 " + std::to_string(major) + "." + std::to_string(minor) + "." +
                        std::to_string(release);
  for (const char* word : {"version", "not registered", "unsupported", "not supported", "unknown"})
    if (reason.find(word) != std::string::npos)
      io::unsupported("a file that " + library + " knows", reason);
  io::damaged(expected, reason);
}

Tree LibraryReader::read(hid_t file) {
  return of_the_file("a file that libhdf5 reads",
                     [&] { return object(Handle(H5Gopen2(file, "/", H5P_DEFAULT), H5Gclose)); });
}

void LibraryReader::reserve(uint64_t count, uint64_t bytes) {
  uint64_t total = checked_product(count, bytes);
  if (total > left_)
    throw io::Fault(io::Fault::Kind::kLimit, "values that fit in memory",
                    "some of " + std::to_string(total) + " bytes, where " + std::to_string(left_) +
                        " are left");
  left_ -= total;
}

Tree LibraryReader::object(hid_t object) {
  ObjectInfo info;
  check(H5Oget_info2(object, &info, H5O_INFO_BASIC));
  Place place{info.fileno, info.addr};
  if (auto known = known_.find(place); known != known_.end()) return known->second;
  if (open_.contains(place))
    io::unsupported("groups that do not contain themselves", "a circle of links");
  if (depth_ >= kDeepest) io::unsupported("groups nested at most 100 deep", "deeper ones");
  open_.insert(place);
  ++depth_;
  Tree tree = info.type == H5O_TYPE_GROUP ? group(object) : dataset(object);
  --depth_;
  open_.erase(place);
  return known_.emplace(place, std::move(tree)).first->second;
}

Tree LibraryReader::group(hid_t group) {
  std::vector<Tree::Item> parts;
  for (const Link& link : links(group)) {
    reserve(1, kNodeBytes + link.name.size());
    if (auto part = at_path(link.name, [&] { return member(group, link); }))
      parts.emplace_back(link.name, std::move(*part));
  }
  return tree_of_group(std::move(parts), text_attribute(group, kMark));
}

std::vector<LibraryReader::Link> LibraryReader::links(hid_t group) {
  Handle list(H5Gget_create_plist(group), H5Pclose);
  unsigned order = 0;
  check(H5Pget_link_creation_order(list, &order));
  bool is_tracked = (order & H5P_CRT_ORDER_TRACKED) != 0;
  std::vector<Link> links;
  auto collect = [](hid_t, const char* name, const LinkInfo* info, void* links) -> herr_t {
    static_cast<std::vector<Link>*>(links)->push_back({name, *info});
    return 0;
  };
  check(iterate(group, is_tracked ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME, collect, &links));
  return links;
}

// A hard link's object is opened by its address: libhdf5 looks through all of a group's names for one.
std::optional<Tree> LibraryReader::member(hid_t group, const Link& link) {
  return of_the_file("an object that libhdf5 reads", [&]() -> std::optional<Tree> {
    bool is_hard = link.info.type == H5L_TYPE_HARD;
    hid_t id =
        is_hard ? open_linked(group, link.info) : H5Oopen(group, link.name.c_str(), H5P_DEFAULT);
    if (id < 0 && !is_hard)
      io::unsupported("links that lead to an object",
                      kind_of(link.info.type) + " that leads to none");
    Handle opened(id, H5Oclose);
    if (H5Iget_type(opened) == H5I_DATATYPE) return {};  // a datatype is no value
    return object(opened);
  });
}

Tree LibraryReader::dataset(hid_t dataset) {
  Handle type(H5Dget_type(dataset), H5Tclose), space(H5Dget_space(dataset), H5Sclose);
  std::string mark = text_attribute(dataset, kMark);
  H5S_class_t shape = H5Sget_simple_extent_type(space);
  if (shape == H5S_NULL) return mark.empty() ? Tree() : marked_leaf(mark, Tensor());
  require_filters(dataset);
  Tree plain = elements(dataset, type, space);
  if (!mark.empty()) return marked_leaf(mark, plain.is_tensor() ? plain.tensor() : Tensor());
  bool is_number = plain.is_tensor() && plain.tensor().dim() == 0;
  if (is_number) return leaf_of(plain.tensor());
  return matlab_value(text_attribute(dataset, kMatlabClass), H5Aexists(dataset, kMatlabEmpty) > 0,
                      plain);
}

// libhdf5's own words about a missing plugin do not name it.
void LibraryReader::require_filters(hid_t dataset) {
  Handle list(H5Dget_create_plist(dataset), H5Pclose);
  for (int i = 0; i < H5Pget_nfilters(list); ++i) {
    unsigned flags = 0, config = 0;
    size_t parameters = 0;
    char name[64] = "";
    H5Z_filter_t id = H5Pget_filter2(list, static_cast<unsigned>(i), &flags, &parameters, nullptr,
                                     sizeof name, name, &config);
    if (id < 0) fail_with_reason();
    if (H5Zfilter_avail(id) <= 0)
      io::unsupported(
          "filters that libhdf5 has here, with its plugins (HDF5_PLUGIN_PATH)",
          "filter " + std::to_string(id) + (name[0] == '\0' ? "" : std::string(" ") + name));
  }
}

}  // namespace luxtorch::hdf5
