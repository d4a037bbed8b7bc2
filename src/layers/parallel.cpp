#include "luxtorch/layers/parallel.h"

#include <ATen/ops/maximum.h>

#include "layers/check.h"

namespace luxtorch {

namespace detail {

// One call of joined layers: runs them one by one and keeps their new states.
class JoinedCall {
 public:
  JoinedCall(const Joined& parts, const Tree& ps, const Tree& st)
      : parts_(parts),
        ps_(ps),
        ps_layers_(parts.join_is_layer_ ? ps["layers"] : ps),
        st_layers_(parts.join_is_layer_ ? st["layers"] : st),
        st_join_(parts.join_is_layer_ ? st[parts.name_] : Tree()) {
    states_.reserve(parts.size());
  }

  // Each layer once, in order.
  Tree layer(const Tree& x) {
    const auto& [name, layer] = parts_.layers_.items()[states_.size()];
    auto [y, st] = layer(x, ps_layers_[name], st_layers_[name]);
    states_.emplace_back(name, std::move(st));
    return std::move(y);
  }
  // What joins the outputs, of a tuple of them; without it the tuple.
  Tree join(Tree ys) {
    if (!parts_.join_) return ys;
    auto [y, st] =
        (*parts_.join_)(ys, parts_.join_is_layer_ ? ps_[parts_.name_] : Tree(), st_join_);
    st_join_ = std::move(st);
    return std::move(y);
  }
  Tree states() {
    auto st = named(std::move(states_));
    if (!parts_.join_is_layer_) return st;
    return named({{"layers", std::move(st)}, {parts_.name_, std::move(st_join_)}});
  }

 private:
  const Joined& parts_;
  const Tree &ps_, &ps_layers_, &st_layers_;
  Tree st_join_;
  std::vector<Tree::Item> states_;
};

}  // namespace detail

Out<Tree> Parallel::operator()(const Tree& x, const Tree& ps, const Tree& st) const {
  bool each_its_own = x.is_tuple();
  if (each_its_own && x.size() != parts_.size()) {
    fail(*this, fmt::format("expected a tuple of {}, one for each layer, got {}.", parts_.size(),
                            describe_kind(x)));
  }
  detail::JoinedCall call(parts_, ps, st);
  std::vector<Tree> ys;
  for (size_t i = 0; i < parts_.size(); ++i) ys.push_back(call.layer(each_its_own ? x[i] : x));
  auto y = call.join(tuple(std::move(ys)));
  detail::report(*this, y);
  return {std::move(y), call.states()};
}

Out<Tree> BranchLayer::operator()(const Tree& x, const Tree& ps, const Tree& st) const {
  detail::JoinedCall call(parts_, ps, st);
  std::vector<Tree> ys;
  for (size_t i = 0; i < parts_.size(); ++i) ys.push_back(call.layer(x));
  auto y = call.join(tuple(std::move(ys)));
  detail::report(*this, y);
  return {std::move(y), call.states()};
}

Out<Tree> PairwiseFusion::operator()(const Tree& x, const Tree& ps, const Tree& st) const {
  bool each_its_own = x.is_tuple();
  if (each_its_own && x.size() != parts_.size() + 1) {
    fail(*this, fmt::format("expected a tuple of {}, one more than there are layers, got {}.",
                            parts_.size() + 1, describe_kind(x)));
  }
  detail::JoinedCall call(parts_, ps, st);
  Tree y = each_its_own ? x[0] : x;
  for (size_t i = 0; i < parts_.size(); ++i)
    y = call.join(tuple({call.layer(y), each_its_own ? x[i + 1] : x}));
  detail::report(*this, y);
  return {std::move(y), call.states()};
}

Maxout::Maxout(Checked, Chain layers) : parts_(std::move(layers)) {
  check_positive("Maxout", "a number of layers", static_cast<int64_t>(parts_.size()));
}

Out<Tensor> Maxout::operator()(const Tree& x, const Tree& ps, const Tree& st) const {
  detail::JoinedCall call(parts_, ps, st);
  auto greatest = call.layer(x).tensor();
  for (size_t i = 1; i < parts_.size(); ++i) {
    auto y = call.layer(x).tensor();
    if (y.sizes() != greatest.sizes()) {
      fail(*this, fmt::format("expected outputs of one shape, got {} from the first layer and {} "
                              "from the layer at position {}.",
                              shape_text(greatest.sizes()), shape_text(y.sizes()), i));
    }
    greatest = at::maximum(greatest, y);
  }
  detail::report(*this, greatest);
  return {std::move(greatest), call.states()};
}

}  // namespace luxtorch
