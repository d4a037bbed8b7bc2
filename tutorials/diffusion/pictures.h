// A picture of the way from noise to data: moons above, figures below.
#pragma once

#include <luxtorch/core/types.h>

#include <vector>

#include "program.h"

/// Writes diffusion.csv (the moons' points at 11 angles) and figures.csv (a pixel per line), and draws diffusion.png. Both are x at
/// equally distant angles, from a quarter of a turn to 0; moons: (points, 2) each, figures: (figures, 1, size, size) each with a
/// brightness from 0 to 1, or nothing.
void draw_ways(const Page& page, const std::vector<luxtorch::Tensor>& moons,
               const std::vector<luxtorch::Tensor>& figures);
