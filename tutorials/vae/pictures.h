// The plane of the two latent numbers as a picture.
#pragma once

#include <luxtorch/core/types.h>

#include <string>
#include <vector>

#include "program.h"

/// Draws vae.png: what the decoder makes of places in the plane, and where the encoder puts figures. decoded: (rows, columns,
/// size, size), brightness from 0 to 1, the first row on top; z: (n, 2), where figures lie; labels: (n), their classes.
void draw_plane(const Page& page, const luxtorch::Tensor& decoded, const luxtorch::Tensor& z,
                const luxtorch::Tensor& labels, const std::vector<std::string>& classes);
