// The cases that layers bring with their registrations (tests/registrations).
#include "case.h"
#include "luxtorch/losses/loss.h"
#include "support/registration.h"

namespace {

const comparison::Registration registered_layers(+[] {
  std::map<std::string, std::function<comparison::Case()>> cases;
  for (const auto& layer : luxtorch::testing::registrations()) {
    if (!layer.compared) continue;
    cases.emplace("layers/" + file_name(layer),
                  [&layer] { return comparison::Case{layer.compared(), luxtorch::MSELoss{}}; });
  }
  return cases;
});

}  // namespace
