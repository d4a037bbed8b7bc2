// What luxtorch throws. Every text reads `[who] at path: expected ..., got .... What to do.`
//
//     try { apply(model, x, ps, st); }
//     catch (const luxtorch::ShapeError& e) { e.path(); }   // "layer_2.classifier"
//
// Level 0. The kinds are at the end of this page.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

#include "luxtorch/core/api.h"

namespace luxtorch {

class LUXTORCH_API Error : public std::exception {
 public:
  /// who: the function or layer that complains, without brackets; message: what comes after it.
  Error(std::string who, std::string message);

  const char* what() const noexcept override { return text_.c_str(); }
  const std::string& who() const { return who_; }
  const std::string& path() const { return path_; }
  const std::string& message() const { return message_; }

  /// The layer that threw, as (address, type), until somebody who knows its path has said so.
  const void* thrower() const { return thrower_; }
  const std::type_info* thrower_type() const { return thrower_type_; }
  void thrown_by_(const void* address, const std::type_info& type);

  /// Puts `prefix` in front of the path.
  void prepend_path_(std::string_view prefix);
  /// Puts a sentence behind the text.
  void append_(std::string_view sentence);

 private:
  void compose_();
  std::string who_, path_, message_, text_;
  const void* thrower_ = nullptr;
  const std::type_info* thrower_type_ = nullptr;
};

/// Rank, size, dtype or device of a tensor.
struct LUXTORCH_API ShapeError : Error {
  using Error::Error;
};
/// Keys, positions and kinds in a Tree.
struct LUXTORCH_API TreeError : Error {
  using Error::Error;
};
/// A file is not what it should be.
struct LUXTORCH_API FormatError : Error {
  using Error::Error;
};
/// A value outside its range, a path that cannot be written.
struct LUXTORCH_API ArgumentError : Error {
  using Error::Error;
};
/// Right, but not possible in this build, on this machine or in this format.
struct LUXTORCH_API UnsupportedError : Error {
  using Error::Error;
};
/// Torch's own complaint from inside a model, with the layer that it came from.
struct LUXTORCH_API TorchError : Error {
  using Error::Error;
};

/// A type's name without namespaces and template arguments: "Dense". Lambdas, function pointers and
/// std::function are a "Function".
LUXTORCH_API std::string type_name(const std::type_info& type);

/// How a layer complains: who is its type's name, and whoever runs the model adds the layer's path.
template <class Kind = ShapeError, class L>
[[noreturn]] void fail(const L& layer, std::string message) {
  Kind error(type_name(typeid(L)), std::move(message));
  error.thrown_by_(&layer, typeid(L));
  throw error;
}

}  // namespace luxtorch
