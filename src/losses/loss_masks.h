// Losses of which a mask leaves some out. Level 4.
#pragma once

#include <utility>

#include "losses/loss_terms.h"

namespace luxtorch::detail {

/// Throws in the name of the loss `who` unless mask is boolean, of the shape and on y_hat's device.
void check_mask(const char* who, const Tensor& y_hat, const Tensor& mask, ShapeView shape);

/// x where mask is true, else `other`: a number that every loss takes. So NaN and infinity under false reach no gradient.
Tensor where_kept(const Tensor& mask, const Tensor& x, double other = 0.5);

/// agg of the losses under true. mask: of the losses' shape, or undefined for all of them. weights: what a mean divides
/// by the sum of, or undefined for the number. A mean of nothing is 0.
Tensor aggregate(const Agg& agg, const Tensor& losses, const Tensor& mask,
                 const Tensor& weights = {});

/// `dim` of y_hat as a number from 0; ArgumentError where there is none.
int64_t class_dimension(const char* who, const Tensor& y_hat, int64_t dim);

/// Throws unless there is a loss for each element of the mask.
void check_losses(const char* who, const Tensor& losses, const Tensor& mask);

template <class Loss>
Loss without_agg(const Loss& loss) {
  Loss each = loss;
  each.agg = Agg::none;
  return each;
}

/// A loss with one value for each element.
template <class Loss>
Tensor masked_elements(const char* who, const Loss& loss, const Tensor& y_hat, const Tensor& y,
                       const Tensor& mask) {
  const Tensor t = target(who, y_hat, y, Agg::none);
  check_mask(who, y_hat, mask, y_hat.sizes());
  const Tensor losses = without_agg(loss)(where_kept(mask, y_hat), where_kept(mask, t));
  check_losses(who, losses, mask);
  return aggregate(loss.agg, losses, mask);
}

/// y_hat and the target of a loss over the classes in dimension dim, with 0.5 where the mask is false.
std::pair<Tensor, Tensor> kept_classes(const char* who, const Tensor& y_hat, const Tensor& y,
                                       const Tensor& mask, int64_t dim);

/// A loss with one value for all classes, in the dimension loss.dim.
template <class Loss>
Tensor masked_classes(const char* who, const Loss& loss, const Tensor& y_hat, const Tensor& y,
                      const Tensor& mask) {
  const auto [x, t] = kept_classes(who, y_hat, y, mask, loss.dim);
  return aggregate(loss.agg, without_agg(loss)(x, t), mask);
}

/// A loss of sums, in which zeros of both count nothing.
template <class Loss>
Tensor masked_sums(const char* who, const Loss& loss, const Tensor& y_hat, const Tensor& y,
                   const Tensor& mask) {
  const Tensor t = target(who, y_hat, y, loss.agg);
  check_mask(who, y_hat, mask, y_hat.sizes());
  return loss(where_kept(mask, y_hat, 0), where_kept(mask, t, 0));
}

}  // namespace luxtorch::detail
