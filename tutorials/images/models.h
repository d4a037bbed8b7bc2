// The models that this tutorial trains.
#pragma once

#include <luxtorch/layer.h>

#include <string>

/// Of the name lenet, resnet20 or convmixer: from images (batch, channels, 32, 32) to logits (batch, classes). models.py has
/// the same models in torch.nn, with the same names of parameters.
luxtorch::Layer make_model(const std::string& name, int64_t channels, int64_t classes);
