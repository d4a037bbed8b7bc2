#include "structure_only.h"

namespace luxtorch::detail {

namespace {
thread_local bool structure_only = false;
}  // namespace

StructureOnly::StructureOnly() : before_(structure_only) { structure_only = true; }
StructureOnly::~StructureOnly() { structure_only = before_; }

bool StructureOnly::wanted() { return structure_only; }

}  // namespace luxtorch::detail
