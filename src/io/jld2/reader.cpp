// The file as a whole: groups, objects that several values share, what is noted.
#include "io/jld2/reader.h"

#include <algorithm>

#include "io/base/fault.h"
#include "io/hdf5/marks.h"
#include "luxtorch/io/report.h"

namespace luxtorch::jld2 {
namespace {

using io::damaged;
using io::Fault;

constexpr std::string_view kFileHeader = "HDF5-based Julia Data Format, version ";
constexpr int kDeepestValue = 256;

}  // namespace

Tree named_from_file(std::vector<Tree::Item> items) {
  return hdf5::tree_of_group(std::move(items), "");
}

Reader::Reader(const hdf5::File& file, Notes* notes, Rule rule, uint64_t most_values)
    : file_(file),
      notes_(notes),
      rule_(rule),
      most_nodes_(std::max<uint64_t>({file.size(), 1U << 20U, most_values})) {}

Reader::Deeper::Deeper(Reader& reader) : reader_(reader) {
  if (++reader_.depth_ > kDeepestValue) {
    --reader_.depth_;
    io::unsupported("values nested at most 100 deep", "deeper ones");
  }
}

void Reader::count_nodes(uint64_t nodes) {
  nodes_ += nodes;
  if (nodes_ > most_nodes_)
    throw Fault(Fault::Kind::kLimit, "at most " + std::to_string(most_nodes_) + " values", "more");
  file_.reserve(hdf5::checked_product(nodes, kNodeBytes));
}

Tree Reader::counted(Tree tree) {
  count_nodes(1);
  return tree;
}

std::string Reader::path() const {
  std::string path;
  for (const std::string* name : names_) path += (path.empty() ? "" : ".") + *name;
  return path;
}

void Reader::note(const std::string& julia_type, const std::string& problem) {
  if (notes_ == nullptr) return;
  changes(julia_type.empty() ? "a value of another program" : julia_type);
  if (notes_->list.size() >= io::Report::kMostEntries) {
    ++notes_->left_out;
    return;
  }
  notes_->list.push_back({path(), julia_type, problem});
  file_.reserve(notes_->list.back().path.size());
}

void Reader::changes(const std::string& julia_type) {
  if (notes_ != nullptr && !notes_->changing) notes_->changing = Note{path(), julia_type, ""};
}

Reader::Mark Reader::noted() const {
  return notes_ == nullptr ? Mark() : Mark{notes_->list.size(), notes_->changing};
}

void Reader::rename_noted(const Mark& since, const Renaming& rename) {
  if (notes_ == nullptr) return;
  notes_->changing = since.changing;
  auto& notes = notes_->list;
  std::string here = path();
  size_t kept = since.notes;
  for (size_t i = since.notes; i < notes.size(); ++i) {
    std::string inner = notes[i].path.substr(std::min(notes[i].path.size(), here.size()));
    if (inner.starts_with('.')) inner.erase(0, 1);
    auto name = rename(inner);
    if (!name) continue;
    notes[i].path = here + (here.empty() || name->empty() ? "" : ".") + *name;
    std::swap(notes[kept++], notes[i]);
  }
  notes.resize(kept);
}

Tree Reader::foreign_tree(const std::string& julia_type, std::vector<Tree::Item> items) {
  items.emplace(items.begin(), kTypeKey, julia_type);
  Tree tree = counted(named_from_file(std::move(items)));
  note(julia_type);
  return tree;
}

Tree Reader::read() {
  is_jld2_ = file_.user_block().starts_with(kFileHeader);
  if (notes_ != nullptr) notes_->is_jld2 = is_jld2_;
  hdf5::Object root = file_.object(file_.root());
  if (!root.is_group) damaged("a group as the file's root", "another object");
  open_.insert(file_.root());  // a link may lead to it
  if (is_plain()) return plain_group(root, file_.root());
  std::erase_if(root.links, [](const auto& link) { return link.name == "_types"; });
  return group(root, file_.root());
}

Tree Reader::group(const hdf5::Object& object, uint64_t address) {
  Deeper deeper(*this);
  std::vector<Tree::Item> items;
  for (const auto& link : object.links) {
    if (link.name.find('.') != std::string::npos) changes("a name with a dot");
    if (!link.is_hard()) changes("a soft link");
    if (auto value = linked(address, link)) items.emplace_back(link.name, std::move(*value));
  }
  return counted(named_from_file(std::move(items)));
}

std::optional<Tree> Reader::linked(uint64_t group, const hdf5::Link& link) {
  return at_path(link.name, [&]() -> std::optional<Tree> {
    uint64_t address = 0;
    try {
      address = file_.follow(group, link);
    } catch (const Fault& fault) {
      if (notes_ == nullptr || fault.kind != Fault::Kind::kUnsupported) throw;
      note_unknown(fault);
      return counted(Tree());
    }
    Tree value = object(address);
    if (datatypes_.contains(address)) return {};
    return value;
  });
}

Tree Reader::object(uint64_t address) {
  auto known = objects_.find(address);
  if (known != objects_.end()) {
    count_nodes(known->second.nodes);
    return known->second.tree;
  }
  uint64_t before = nodes_;
  bool is_new = true;
  Tree tree;
  try {
    Deeper deeper(*this);
    is_new = open_.insert(address).second;
    if (!is_new) io::unsupported("values that do not contain themselves", "a circle of references");
    tree = read_object(address);
    open_.erase(address);
  } catch (Fault& fault) {
    if (is_new) open_.erase(address);
    if (notes_ == nullptr || fault.kind != Fault::Kind::kUnsupported) throw;
    note_unknown(fault);
    // A circle ends here but is still being read further out.
    if (!is_new) return counted(Tree());
    tree = counted(Tree());
  }
  objects_.emplace(address, Counted{tree, nodes_ - before});
  return tree;
}

// The fault's path goes on from the value being read to the part that is not known.
void Reader::note_unknown(const Fault& fault) {
  std::string name = fault.place;
  if (!name.empty()) names_.push_back(&name);
  note(fault.type, "expected " + fault.expected + ", got " + fault.got);
  if (!name.empty()) names_.pop_back();
}

Tree Reader::read_object(uint64_t address) {
  hdf5::Object object = file_.object(address);
  if (object.type && object.layout) return is_plain() ? plain_dataset(object) : dataset(object);
  if (object.is_group && is_plain()) return plain_group(object, address);
  if (object.is_group) {
    changes("JLD2.Group");
    return group(object, address);
  }
  if (!object.type)
    damaged("a value at address " + std::to_string(address), "an object without a datatype");
  if (is_plain()) {
    datatypes_.insert(address);
    return {};
  }
  JuliaTypePtr type = committed(address).type;
  return foreign_tree("Core.DataType", {{"value", type ? text(*type) : ""}});
}

}  // namespace luxtorch::jld2
