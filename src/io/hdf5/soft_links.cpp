// Where links lead.
#include <algorithm>

#include "io/base/fault.h"
#include "io/hdf5/file.h"

namespace luxtorch::hdf5 {

const File::Links& File::links_of(uint64_t group) const {
  auto [known, is_new] = groups_.try_emplace(group);
  if (!is_new) return known->second;
  for (const Link& link : object(group).links) known->second.emplace(link.name, link);
  return known->second;
}

std::optional<uint64_t> File::find(uint64_t group, const std::string& path, int soft_links) const {
  constexpr int kMost = 16;  // as libhdf5
  if (soft_links > kMost)
    io::unsupported("soft links that come to an end", "one that leads to itself");
  uint64_t at = path.starts_with('/') ? root_ : group;
  for (size_t begin = 0; begin < path.size();) {
    size_t end = std::min(path.find('/', begin), path.size());
    auto name = path.substr(begin, end - begin);
    begin = end + 1;
    spend(name.size() + 1);  // links of links may repeat each other without end
    if (name.empty() || name == ".") continue;
    const Links& links = links_of(at);
    auto found = links.find(name);
    if (found == links.end()) return {};
    const Link& link = found->second;
    if (link.is_external) io::unsupported("links within the file", "one to another file");
    auto next = link.is_hard() ? link.address : find(at, link.target, soft_links + 1);
    if (!next) return {};
    at = *next;
  }
  return at;
}

uint64_t File::follow(uint64_t group, const Link& link) const {
  if (link.is_external) io::unsupported("links within the file", "one to another file");
  if (link.is_hard()) return link.address;
  auto found = find(group, link.target, 1);
  if (!found)
    io::unsupported("links that lead to an object",
                    "one to \"" + link.target + "\", which is not there");
  return *found;
}

}  // namespace luxtorch::hdf5
