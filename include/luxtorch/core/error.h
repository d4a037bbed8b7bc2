// The errors of luxtorch. Every text reads `[who] at path: expected ..., got .... What to do.`
//
//     try { apply(model, x, ps, st); }
//     catch (const luxtorch::ShapeError& e) { e.path(); }   // "layer_2.classifier"
//
// The kinds of errors are at the end of this file.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

#include "luxtorch/core/api.h"

namespace luxtorch {

/// The base of all errors that luxtorch throws.
class LUXTORCH_API Error : public std::exception {
 public:
  /// who: the function or layer that refuses, without brackets; message: the text after it. The
  /// path is empty at first.
  Error(std::string who, std::string message);

  /// The whole text: `[who] at path: message`, or `[who] message` without a path.
  const char* what() const noexcept override { return text_.c_str(); }
  /// The function or layer that refuses: "Dense".
  const std::string& who() const { return who_; }
  /// The place in the model or tree: "layer_2.classifier"; "" if it has none.
  const std::string& path() const { return path_; }
  /// The text without who() and path().
  const std::string& message() const { return message_; }

  /// The address of the layer at which path() starts: of the layer that threw, and once apply has
  /// found its path, of the model. nullptr if no layer threw.
  const void* thrower() const { return thrower_; }
  /// The type of that layer.
  const std::type_info* thrower_type() const { return thrower_type_; }
  /// Sets thrower() and thrower_type(), as fail does.
  void thrown_by_(const void* address, const std::type_info& type);

  /// Puts `prefix` and a dot in front of the path; "" changes nothing.
  void prepend_path_(std::string_view prefix);
  /// Adds a sentence at the end of the message.
  void append_(std::string_view sentence);

 private:
  void compose_();
  std::string who_, path_, message_, text_;
  const void* thrower_ = nullptr;
  const std::type_info* thrower_type_ = nullptr;
};

/// A tensor has the wrong rank, size, dtype or device.
struct LUXTORCH_API ShapeError : Error {
  using Error::Error;
};
/// A Tree has no such key or position, or another kind of node or leaf there.
struct LUXTORCH_API TreeError : Error {
  using Error::Error;
};
/// A file is damaged, or not of the expected format.
struct LUXTORCH_API FormatError : Error {
  using Error::Error;
};
/// An argument is outside its range, or a path cannot be written.
struct LUXTORCH_API ArgumentError : Error {
  using Error::Error;
};
/// The call is right, but not possible in this build, on this machine or in this file format.
struct LUXTORCH_API UnsupportedError : Error {
  using Error::Error;
};
/// An error of torch from inside a model, with the layer that it came from.
struct LUXTORCH_API TorchError : Error {
  using Error::Error;
};
/// A type's name without namespaces and template arguments: "Dense". It is "Function" for lambdas,
/// function pointers and std::function.
LUXTORCH_API std::string type_name(const std::type_info& type);

/// Throws an error of type Kind from inside a layer: `fail(*this, "expected ..., got ....")`. who
/// is the name of the layer's type; apply adds the layer's path in the model.
template <class Kind = ShapeError, class L>
[[noreturn]] void fail(const L& layer, std::string message) {
  Kind error(type_name(typeid(L)), std::move(message));
  error.thrown_by_(&layer, typeid(L));
  throw error;
}

}  // namespace luxtorch
