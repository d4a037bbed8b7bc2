#include "support/registration.h"

#include <algorithm>
#include <cctype>
#include <ostream>
#include <sstream>

namespace luxtorch::testing {

namespace {

std::vector<LayerRegistration (*)()>& makers() {
  static std::vector<LayerRegistration (*)()> all;
  return all;
}

}  // namespace

Registration::Registration(LayerRegistration (*make)()) { makers().push_back(make); }

const std::vector<LayerRegistration>& registrations() {
  static const auto all = [] {
    std::vector<LayerRegistration> made;
    for (auto make : makers()) made.push_back(make());
    std::ranges::sort(made, {}, &LayerRegistration::name);
    return made;
  }();
  return all;
}

const std::vector<CorpusRow>& corpus() {
  static const auto all = [] {
    std::vector<CorpusRow> rows;
    for (const auto& r : registrations()) rows.insert(rows.end(), r.rows.begin(), r.rows.end());
    return rows;
  }();
  return all;
}

std::ostream& operator<<(std::ostream& out, const CorpusRow& row) { return out << row.name; }

std::ostream& operator<<(std::ostream& out, const LayerRegistration& registration) {
  return out << registration.name;
}

std::string file_name(const LayerRegistration& registration) {
  std::string file;
  for (unsigned char c : registration.name) {
    if (std::isupper(c) && !file.empty() && std::islower(static_cast<unsigned char>(file.back())))
      file += '_';
    file += static_cast<char>(c);
  }
  for (char& c : file) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return file;
}

std::string setup_bytes(const LayerRegistration& registration) {
  std::ostringstream bytes;
  for (const auto& row : registration.rows) {
    if (row.draws_normals) continue;
    auto [ps, st] = setup(Rng(0), row.layer);
    for (const Tree& t : {ps, st}) {
      bytes << t << '\n';
      for (const auto& x : tree::tensors(t)) {
        const Tensor c = x.contiguous();
        bytes.write(static_cast<const char*>(c.const_data_ptr()),
                    static_cast<std::streamsize>(c.nbytes()));
      }
    }
  }
  return bytes.str();
}

}  // namespace luxtorch::testing
