#include "io/libhdf5/library.h"

namespace luxtorch::hdf5 {
namespace {

std::mutex one_at_a_time;

// The innermost entry of libhdf5's error stack, which is the cause.
std::string innermost_reason() {
  std::string reason = "an unknown error of libhdf5";
  auto keep_first = [](unsigned n, const H5E_error2_t* entry, void* out) -> herr_t {
    if (n == 0 && entry->desc != nullptr) *static_cast<std::string*>(out) = entry->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &reason);
  return reason;
}

}  // namespace

void fail_with_reason() { throw Hdf5Error(innermost_reason()); }

Turn::Turn() : lock_(one_at_a_time) {
  H5Eget_auto2(H5E_DEFAULT, &print_, &data_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Turn::~Turn() { H5Eset_auto2(H5E_DEFAULT, print_, data_); }

Handle::Handle(hid_t id, Close close) : id_(id), close_(close) {
  if (id < 0) fail_with_reason();
}

Handle& Handle::operator=(Handle&& other) noexcept {
  std::swap(id_, other.id_);
  std::swap(close_, other.close_);
  return *this;
}

Handle::~Handle() {
  if (id_ >= 0) close_(id_);
}

void Handle::close() {
  if (id_ >= 0) check(close_(std::exchange(id_, -1)));
}

void check(herr_t result) {
  if (result < 0) fail_with_reason();
}

}  // namespace luxtorch::hdf5
