// Nodes of a graph, whichever way this LibTorch owns them.
//
//     auto node = make_node<ProductNode>(x, weight);
//
// Level 1.
#pragma once

#include <c10/util/intrusive_ptr.h>
#include <torch/csrc/autograd/function.h>

#include <memory>
#include <type_traits>
#include <utility>

namespace luxtorch::detail {

/// An intrusive pointer or, before LibTorch 2.13, a shared one.
using NodePointer = decltype(torch::autograd::Edge::function);

/// A new N. A template over the pointer, so that only the branch of this LibTorch is compiled.
template <class N, class Pointer = NodePointer, class... Arguments>
auto make_node(Arguments&&... arguments) {
  if constexpr (std::is_same_v<Pointer, std::shared_ptr<torch::autograd::Node>>) {
    return std::shared_ptr<N>(new N(std::forward<Arguments>(arguments)...),
                              [](auto* node) { deleteNode(node); });
  } else {
    return c10::make_intrusive<N>(std::forward<Arguments>(arguments)...);
  }
}

}  // namespace luxtorch::detail
