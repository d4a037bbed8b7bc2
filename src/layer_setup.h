// What setup makes of layers' descriptions of themselves.
//
// Level 2.
#pragma once

#include "luxtorch/layer_description.h"

namespace luxtorch {

/// What the initializer of `name` gives, which must have the shape that it was asked for.
Tensor initialized(const char* layer, const char* name, const Initializer& init, Rng rng,
                   ShapeView shape);

namespace detail {

/// A part of a library's own initial_parameters or initial_states: a draw, or where only the
/// structure is asked for, the structure.
Tree draw_part(const Description& d, Initial which, Rng rng);

}  // namespace detail
}  // namespace luxtorch
