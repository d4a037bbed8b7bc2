#include "autodiff/forward_rules.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>

namespace luxtorch::detail {

namespace {

// The rule and all further ones take the batch's statistics for constants (pytorch/pytorch issues 196699 and 196700), and so
// does a gradient of third order.
constexpr std::string_view kNorms[]{
    "aten::_batch_norm_with_update", "aten::_native_batch_norm_legit", "aten::cudnn_batch_norm",
    "aten::miopen_batch_norm",       "aten::native_batch_norm",        "aten::native_layer_norm"};
// The rule takes a factorisation for a constant or does not hold where a factor is 0 (issues 192540 and 196701), or it
// calls an operator that has no derivatives.
constexpr std::string_view kWrongTwice[]{"aten::_batch_norm_with_update",
                                         "aten::_linalg_det",
                                         "aten::_linalg_slogdet",
                                         "aten::_linalg_solve_ex",
                                         "aten::binary_cross_entropy",
                                         "aten::cumprod",
                                         "aten::glu",
                                         "aten::linalg_householder_product",
                                         "aten::native_layer_norm"};
// Issues 196682 and 196694: factors in the wrong order.
constexpr std::string_view kWrong[]{"aten::cholesky_inverse", "aten::cholesky_solve"};

thread_local ForwardRules worst_met = ForwardRules::Right;

// A batch_norm's first bool says whether it trains.
bool by_the_batch(const at::RecordFunction& operation) {
  for (const auto& input : operation.inputs())
    if (input.isBool()) return input.toBool();
  return true;
}

std::unique_ptr<at::ObserverContext> notice(const at::RecordFunction& operation) {
  const std::string_view name = operation.name();
  auto among = [&](const auto& names) { return std::ranges::find(names, name) != std::end(names); };
  if (among(kWrong)) worst_met = std::max(worst_met, ForwardRules::Wrong);
  if (among(kWrongTwice)) worst_met = std::max(worst_met, ForwardRules::WrongTwice);
  if (among(kNorms) && by_the_batch(operation)) worst_met = ForwardRules::RefusedTwice;
  return nullptr;
}

}  // namespace

ForwardRulesMet::ForwardRulesMet()
    : handle_(
          at::addThreadLocalCallback(at::RecordFunctionCallback(notice).needsInputs(true).scopes(
              {at::RecordScope::FUNCTION}))),
      before_(std::exchange(worst_met, ForwardRules::Right)) {}

ForwardRulesMet::~ForwardRulesMet() {
  at::removeCallback(handle_);
  worst_met = std::max(worst_met, before_);
}

ForwardRules ForwardRulesMet::worst() const { return worst_met; }

}  // namespace luxtorch::detail
