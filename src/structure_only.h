// Setups that nobody takes numbers from: what a message says of a model's trees is their names and shapes.
//
// Level 2.
#pragma once

namespace luxtorch::detail {

/// While one lives in a thread, a setup may give any values of the right structure, dtypes and shapes; so functional()
/// draws none.
class StructureOnly {
 public:
  StructureOnly();
  ~StructureOnly();
  StructureOnly(const StructureOnly&) = delete;
  StructureOnly& operator=(const StructureOnly&) = delete;

  static bool wanted();

 private:
  bool before_;
};

}  // namespace luxtorch::detail
