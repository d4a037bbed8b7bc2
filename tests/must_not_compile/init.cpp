// What is no initialiser.
#include "luxtorch/init.h"

namespace luxtorch {

GateInitializers good = {init::ones, init::zeros};

#ifdef GATES_FROM_A_NUMBER
GateInitializers bad = 3;
#endif
#ifdef GATES_FROM_NULLPTR
GateInitializers bad = nullptr;
#endif

}  // namespace luxtorch
