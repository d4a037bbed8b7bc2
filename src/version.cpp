#include "luxtorch/version.h"

#define LUXTORCH_TEXT_OF(x) #x
#define LUXTORCH_TEXT(x) LUXTORCH_TEXT_OF(x)

namespace luxtorch {

const char* version() noexcept {
  return LUXTORCH_TEXT(LUXTORCH_VERSION_MAJOR) "." LUXTORCH_TEXT(
      LUXTORCH_VERSION_MINOR) "." LUXTORCH_TEXT(LUXTORCH_VERSION_PATCH);
}

}  // namespace luxtorch
