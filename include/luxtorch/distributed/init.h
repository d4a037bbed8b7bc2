// init: joins the processes that a launcher has started.
//
//     Group group = distributed::init();
//
// With torchrun, `torchrun --no-python --nproc-per-node 2 ./program`; with SLURM, `srun -n 8 ./program`, where
// MASTER_ADDR and MASTER_PORT are set; by hand, `RANK=0 WORLD_SIZE=2 MASTER_ADDR=host MASTER_PORT=29500
// ./program` for each rank.
//
// Messages go through Gloo, which LibTorch contains, those of tensors on GPUs through NCCL where the library
// was built with it. With Gloo each process listens at the address by which its machine reaches the meeting
// place, or at that of the interface in GLOO_SOCKET_IFNAME.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "luxtorch/core/api.h"
#include "luxtorch/group.h"

namespace luxtorch::distributed {

/// How init joins the other processes.
struct InitOptions {
  /// "gloo", "nccl", or "". "nccl": NCCL for tensors on GPUs and Gloo for the others. A process takes the GPU of its
  /// local rank, which becomes the current device; ArgumentError where a process has none. "": "nccl" where this
  /// build has it and each process a GPU, else "gloo", which takes tensors on GPUs by way of the CPU.
  /// UnsupportedError, which says what to install: "nccl" in a build without it, and "mpi".
  std::string backend = "";
  /// How long a process waits for the others in a call. It must be longer than the slowest step, and than what
  /// the root does alone, such as an evaluation.
  std::chrono::milliseconds timeout = std::chrono::minutes(5);
  /// How long init waits for processes that have not started.
  std::chrono::milliseconds start_timeout = std::chrono::minutes(5);
  /// The meeting place: "tcp://host:port", which rank 0 serves, or "file:///shared/run", a file that does not
  /// exist yet in a folder that all machines see. "": MASTER_ADDR and MASTER_PORT.
  std::string store = "";
  std::optional<int64_t> rank = {};        ///< Instead of the environment's.
  std::optional<int64_t> size = {};        ///< Instead of the environment's.
  std::optional<int64_t> local_rank = {};  ///< Instead of the environment's.
  /// Compares each call with those of the others before it is made, training steps too: which call, shape and dtype. A
  /// DistributedError on all processes names two that differ. Without it a training step beside another call is an
  /// error after some seconds. LUXTORCH_DISTRIBUTED_CHECK=1 does the same. All processes must set it
  /// alike. It costs a small message for each step.
  bool check_calls = false;
};

/// The group of all processes that the launcher has started: torchrun, SLURM's srun, mpirun (Open MPI, MPICH, Intel
/// MPI), or RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT set by hand. Of this process alone where there is none. A
/// second call gives the same group. ArgumentError: half an environment, a rank outside of the size, a meeting
/// place that is in use or cannot be reached, processes with other versions of the library. DistributedError: a
/// process that has not come in time, with its rank.
LUXTORCH_API Group init(const InitOptions& options = {});

}  // namespace luxtorch::distributed
