#include "group_weight.h"

namespace luxtorch::detail {

namespace {
thread_local std::optional<double> weight_of_part;
}  // namespace

PartWeight::PartWeight(double weight) : before_(weight_of_part) { weight_of_part = weight; }

PartWeight::~PartWeight() { weight_of_part = before_; }

std::optional<double> PartWeight::current() { return weight_of_part; }

}  // namespace luxtorch::detail
