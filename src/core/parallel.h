// Loops on torch's threads, whatever compiler this file is compiled with.
//
// Level 0.
#pragma once

#include <ATen/Parallel.h>

#include <cstdint>

#ifndef _OPENMP
#include <torch/csrc/stable/c/shim.h>

#include <atomic>
#include <exception>
#include <stdexcept>
#endif

namespace luxtorch::detail {

/// f(first, last) for parts of [begin, end) of at least `grain`, on as many of torch's threads as there
/// are parts. What f throws is thrown here.
template <class F>
void parallel_for(int64_t begin, int64_t end, int64_t grain, const F& f) {
#ifdef _OPENMP
  at::parallel_for(begin, end, grain, f);
#else
  // at::parallel_for is a template that runs on one thread in a file compiled without -fopenmp. This
  // function lies inside of LibTorch; it is of C, so that exceptions go around it.
  if (begin >= end) return;
  struct Call {
    const F& f;
    std::exception_ptr error = nullptr;
    std::atomic_flag failed{};
  } call{f};
  auto run = [](int64_t first, int64_t last, void* context) {
    auto& call = *static_cast<Call*>(context);
    try {
      call.f(first, last);
    } catch (...) {
      if (!call.failed.test_and_set()) call.error = std::current_exception();
    }
  };
  if (torch_parallel_for(begin, end, grain, run, &call) != 0)
    throw std::runtime_error("torch_parallel_for failed.");
  if (call.error) std::rethrow_exception(call.error);
#endif
}

}  // namespace luxtorch::detail
