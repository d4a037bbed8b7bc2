#include "luxtorch/optim/groups.h"

#include "luxtorch/core/error.h"
#include "optim/program.h"

namespace luxtorch {

Optimizer::Stages Optimizer::grouped(const Optimizer& rest,
                                     const std::vector<OptimizerGroup>& groups) {
  std::vector<std::string> patterns;
  std::vector<detail::Program> parts;
  for (const auto& group : groups) {
    patterns.push_back(group.pattern);
    try {
      parts.push_back(group.optimizer ? group.optimizer->program()
                                      : rest.program().adjusted(group.changes));
    } catch (Error& error) {
      error.prepend_path_("\"" + group.pattern + "\" of OptimizerGroups");
      throw;
    }
  }
  parts.push_back(rest.program());
  return std::make_shared<const detail::Program>(
      detail::Program::groups(std::move(patterns), std::move(parts)));
}

Optimizer Optimizer::adjusted(const Hyperparameters& changes, std::string_view pattern) const {
  return Optimizer(std::make_shared<const detail::Program>(program_->adjusted(changes, pattern)));
}

OptimizerGroups::OptimizerGroups(const Optimizer& optimizer,
                                 const std::vector<OptimizerGroup>& groups)
    : Optimizer(grouped(optimizer, groups)) {}

}  // namespace luxtorch
