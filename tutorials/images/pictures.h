// What a trained model takes for what: the confusion matrix as a text and as a picture.
#pragma once

#include <luxtorch/core/types.h>

#include <string>
#include <vector>

#include "program.h"

/// A row for each class, a column for each answer. confusion: (classes, classes), counts.
std::string confusion_text(const luxtorch::Tensor& confusion,
                           const std::vector<std::string>& classes);

/// Draws images.png: the confusion matrix, and of all images x (n, channels, 32, 32) that the logits (n, classes) get wrong
/// those with the highest probability of the wrong class. y: (n), their labels.
void draw_confusion(const Page& page, const luxtorch::Tensor& confusion, const luxtorch::Tensor& x,
                    const luxtorch::Tensor& y, const luxtorch::Tensor& logits,
                    const std::vector<std::string>& classes);
