// Nodes of a graph: whichever way this LibTorch owns them, and what they throw.
//
//     auto node = make_node<ProductNode>(x, weight);
//
// Level 1.
#pragma once

#include <c10/util/intrusive_ptr.h>
#include <torch/csrc/autograd/function.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
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

/// How often a tensor's numbers have been changed, for a node that reads them in its backward pass; 0 where it is undefined.
inline uint32_t version_of(const at::Tensor& t) {
  // A tensor made under inference mode has no counter, and cannot change.
  return t.defined() && !t.is_inference() ? t._version() : 0;
}

/// Throws torch's error for a tensor that a node reads and that is not what it was. what: "a weight of a recurrent step".
[[noreturn]] inline void refuse_changed(const char* what) {
  throw std::runtime_error(
      std::string("one of the variables needed for gradient computation has been modified by an "
                  "inplace operation: ") +
      what + ".");
}
/// Throws torch's error for a node that has let go of what it saved. whose: "a recurrent step".
[[noreturn]] inline void refuse_second_pass(const char* whose) {
  throw std::runtime_error(
      std::string("Trying to backward through the graph a second time, or through ") + whose +
      " whose saved values have been freed. Specify retain_graph=true to go backward more than "
      "once.");
}

}  // namespace luxtorch::detail
