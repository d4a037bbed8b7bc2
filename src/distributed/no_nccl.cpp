#include <utility>

#include "distributed/nccl.h"
#include "luxtorch/core/error.h"

namespace luxtorch::distributed {

bool has_nccl() { return false; }

void expect_nccl() {
  throw UnsupportedError(
      "distributed.init",
      "expected a backend that this build has, got \"nccl\", which needs a LibTorch with CUDA and "
      "NCCL's and CUDA's headers when the library is built: pip install torch nvidia-cuda-crt "
      "nvidia-cuda-cccl, or a CUDA toolkit and libnccl-dev. \"gloo\" takes tensors on GPUs by way "
      "of the CPU.");
}

std::shared_ptr<detail::GroupBackend> with_nccl(std::shared_ptr<GlooBackend> on_gloo,
                                                const Calls& /*calls*/, bool required) {
  if (required) expect_nccl();
  return on_gloo;
}

}  // namespace luxtorch::distributed
