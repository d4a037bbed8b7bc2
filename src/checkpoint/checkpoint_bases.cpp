#include "checkpoint/checkpoint_bases.h"

#include <fmt/format.h>

#include "luxtorch/train/lora.h"
#include "text.h"

namespace luxtorch::detail {

namespace {

void add_bases(const Description& d, const std::string& path, std::vector<Tree>& found) {
  if (d.type && *d.type == typeid(Lora)) {
    const auto sha256 = static_cast<const Lora*>(d.address)->base_sha256();
    if (!sha256.empty()) found.push_back(named({{"path", path}, {"sha256", sha256}}));
  }
  for (const auto& [name, field] : d.fields)
    add_bases(field, d.wrapper ? path : path_below(path, name), found);
}

}  // namespace

Tree bases_of(const Description& model) {
  std::vector<Tree> found;
  add_bases(model, "", found);
  return tuple(std::move(found));
}

std::string other_bases(const Tree& now, const Tree& saved) {
  std::string others;
  for (const Tree& is : now.elements()) {
    for (const Tree& was : saved.elements()) {
      const auto path = is["path"].scalar<std::string>(), here = is["sha256"].scalar<std::string>(),
                 there = was["sha256"].scalar<std::string>();
      if (path != was["path"].scalar<std::string>() || here == there) continue;
      others += fmt::format("{}{} in place of {}{}", others.empty() ? "" : ", ", there, here,
                            path.empty() ? "" : " at " + path);
    }
  }
  return others;
}

}  // namespace luxtorch::detail
