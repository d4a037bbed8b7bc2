// libhdf5 as both of its users here need it: one thread at a time, identifiers that close themselves,
// its errors as exceptions.
#pragma once

#include <hdf5.h>

#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

namespace luxtorch::hdf5 {

#if H5_VERSION_GE(1, 12, 0)
using ObjectInfo = H5O_info1_t;
using LinkInfo = H5L_info2_t;
#else
using ObjectInfo = H5O_info_t;
using LinkInfo = H5L_info_t;
#endif

/// libhdf5 refused something; the text is its own innermost reason.
struct Hdf5Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// libhdf5 for this thread alone, without a word on stderr, for as long as it lives: its serial
/// build has global state.
class Turn {
 public:
  Turn();
  ~Turn();
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::lock_guard<std::mutex> lock_;
  H5E_auto2_t print_ = nullptr;
  void* data_ = nullptr;
};

/// Owns one identifier of libhdf5. Unlike the C++ API's classes its destructor never prints.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);

  Handle() = default;
  /// Throws Hdf5Error for a negative id.
  Handle(hid_t id, Close close);
  Handle(Handle&& other) noexcept
      : id_(std::exchange(other.id_, -1)), close_(std::exchange(other.close_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept;
  ~Handle();

  operator hid_t() const { return id_; }
  /// Closes it now. Throws Hdf5Error where that fails.
  void close();

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

/// Throws Hdf5Error for a negative result.
void check(herr_t result);
/// Throws Hdf5Error with the innermost entry of libhdf5's error stack.
[[noreturn]] void fail_with_reason();

}  // namespace luxtorch::hdf5
