#include "fit/run_settings.h"

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "luxtorch/core/error.h"
#include "optim/program.h"
#include "text.h"

namespace luxtorch::detail {

void check_settings(const char* who, const Tree& settings) {
  if (!settings.is_named())
    throw ArgumentError(
        who, "expected for .settings a named tree, got " + describe_kind(settings) + ".");
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        if (!leaf.is_string() && !leaf.is_scalar())
          throw ArgumentError(who, "expected numbers, strings and bools in .settings, got " +
                                       describe_kind(leaf) + " at " + path + ".");
      },
      settings);
}

Tree hyperparameters_of(const Optimizer& optimizer) {
  std::vector<Tree::Item> rules;
  std::map<std::string, int> of_name;
  for (const Stage* stage : optimizer.program().stages()) {
    const Rule* rule = stage->rule();
    if (!rule) continue;
    std::vector<Tree::Item> numbers;
    for (const auto& hyper : rule->kind->hyper) {
      if (rule->follows(*hyper.word)) continue;
      const std::string word(hyper.word->name);
      const auto all = hyper.word->numbers(rule->values);
      for (size_t i = 0; i < all.size(); ++i)
        numbers.emplace_back(all.size() == 1 ? word : word + std::to_string(i + 1), all[i]);
    }
    std::string name(rule->kind->name());
    if (const int count = ++of_name[name]; count > 1) name += "_" + std::to_string(count);
    rules.emplace_back(std::move(name), named(std::move(numbers)));
  }
  return named(std::move(rules));
}

int64_t count_parameters(const TrainState& ts) {
  int64_t count = 0;
  tree::map_tensors(
      [&](const Tensor& t) {
        count += t.numel();
        return t;
      },
      ts.parameters());
  return count;
}

}  // namespace luxtorch::detail
