#include "problem.h"

#include "luxtorch/core/device.h"
#include "luxtorch/interop/state_dict.h"
#include "luxtorch/io/torch_archive.h"
#include "luxtorch/tree.h"
#include "optimisers.h"

namespace comparison {

using namespace luxtorch;

Problem read_problem(const std::string& path) {
  const Tree file = torch_archive::load(path);
  Case what = make_case(file["case"].scalar<std::string>());
  auto [ps, st] = from_torch(what.model, file["state_dict"]);

  const Device on = device(file["device"].scalar<std::string>());
  std::vector<Tree> batches;
  for (int64_t i = 0; i < file["batches"].scalar<int64_t>(); ++i) {
    auto part = [&](const Tensor& all) { return all.select(0, i).to(on); };
    batches.push_back(
        tuple({tree::map_tensors(part, file["x"]), tree::map_tensors(part, file["y"])}));
  }
  return {std::move(what), tree::to(ps, on), tree::to(st, on), std::move(batches),
          make_optimiser(file["optimiser"].scalar<std::string>(), file["lr"].scalar<double>())};
}

}  // namespace comparison
