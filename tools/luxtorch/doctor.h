// What luxtorch doctor finds out: sections of names and values.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace doctor {

struct Section {
  std::string name;
  std::vector<std::pair<std::string, std::string>> lines;
};

/// The processor's vectors, and for an example of each operator with fused kernels what ran, and why.
Section vectors();
Section kernels();

/// The optional libraries, and what is missing without them.
Section libraries();

}  // namespace doctor
