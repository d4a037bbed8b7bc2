#include "luxtorch/distributed/init.h"

#include <fmt/format.h>
#include <torch/version.h>

#include <memory>
#include <mutex>

#include "distributed/environment.h"
#include "distributed/gloo.h"
#include "distributed/meeting.h"
#include "distributed/nccl.h"
#include "luxtorch/core/error.h"
#include "luxtorch/version.h"

namespace luxtorch::distributed {

namespace {

void check(const InitOptions& options) {
  if (options.backend == "nccl") expect_nccl();
  if (options.backend == "mpi")
    throw UnsupportedError(
        "distributed.init",
        "expected a backend that this build has, got \"mpi\", which needs a LibTorch built from "
        "source with MPI. mpirun may start programs that use \"gloo\".");
  if (!options.backend.empty() && options.backend != "gloo" && options.backend != "nccl")
    throw ArgumentError("distributed.init",
                        fmt::format("expected the backend \"gloo\", \"nccl\" or \"\", got \"{}\".",
                                    options.backend));
  if (options.timeout.count() < 1 || options.start_timeout.count() < 1)
    throw ArgumentError("distributed.init", "expected timeouts above 0.");
}

Group joined(const InitOptions& options) {
  const Calls calls{options.timeout, checks_calls(options, process_variables())};
  const Launch launch = launch_of(options, process_variables());
  if (launch.size == 1) return Group();
  auto meeting = std::make_shared<Meeting>(launch, options.start_timeout);
  const std::string own =
      fmt::format("luxtorch {}, LibTorch {}, {} processes, {}, the backend \"{}\", calls {}",
                  version(), TORCH_VERSION, launch.size, has_nccl() ? "NCCL" : "no NCCL",
                  options.backend, calls.check ? "checked" : "not checked");
  const std::string verdict = meeting->judge(
      own,
      [](const std::vector<std::string>& texts) {
        if (const size_t r = detail::first_other(texts))
          return fmt::format(
              "expected the same program on all processes, got {} on rank 0 and {} on rank {}.",
              texts[0], texts[r], r);
        return std::string();
      },
      options.start_timeout);
  if (!verdict.empty()) throw ArgumentError("distributed.init", verdict);
  auto on_gloo = gloo(launch, std::move(meeting), calls);
  if (options.backend == "gloo") return Group(std::move(on_gloo));
  return Group(with_nccl(std::move(on_gloo), calls, options.backend == "nccl"));
}

}  // namespace

Group init(const InitOptions& options) {
  check(options);
  // Never destroyed: at the end of the program the system closes its connections.
  static std::mutex mutex;
  static std::unique_ptr<Group>& known = *new std::unique_ptr<Group>();
  const std::lock_guard lock(mutex);
  if (!known) known = std::make_unique<Group>(joined(options));
  return *known;
}

}  // namespace luxtorch::distributed
