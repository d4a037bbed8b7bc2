// What the tests know of a layer: one file of tests/registrations per layer, or per family of layers.
//
//     const Registration registered(+[] {
//       return LayerRegistration{
//           .name = "Scale",
//           .rows = {row("Scale", Scale(3, tanh), input({4, 3}), {6, 0})},
//           .golden = {{"vector", Scale(3)}},
//           .no_comparison = "torch.nn has no such module",
//           .digest = "0123456789abcdef"};
//     });
//
// All properties of all layers run on its rows (layers/corpus_test.cpp, interop/layout_corpus_test.cpp).
// layers/registration_test.cpp checks the rest, and that every layer has a registration.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include "luxtorch/core/error.h"
#include "support/corpus_rows.h"

namespace luxtorch::testing {

/// A layer and the case of tests/golden/modules/NAME.json that it computes too: PyTorch's module, its
/// state dict, inputs, outputs, new states and all gradients.
struct GoldenCase {
  std::string key;
  Layer layer;
};

/// A call that must fail. run gives "" if it fails as it should, else what happened.
struct Refusal {
  std::string text;
  std::function<std::string()> run;
};

template <class Error>
Refusal refuses(std::string text, std::function<void()> call) {
  return {text, [text, call = std::move(call)]() -> std::string {
            try {
              call();
            } catch (const Error& error) {
              return error.what() == text ? "" : error.what();
            } catch (const std::exception& error) {
              return std::string("another kind of error: ") + error.what();
            }
            return "no error";
          }};
}

/// Of golden and golden_in exactly one says something, or no_golden the reason why neither does; so with
/// compared, compared_in and no_comparison.
struct LayerRegistration {
  std::string name;                     // the class; for UsersLayers, no public class
  std::vector<CorpusRow> rows = {};     // one for each option that changes the computation
  std::vector<GoldenCase> golden = {};  // cases of tools/golden/modules/NAME.py
  std::string golden_in = {};           // the test that compares it, a path below tests
  std::string no_golden = {};
  std::function<Layer()> compared =
      {};                        // computes what compared() of tools/golden/modules/NAME.py does
  std::string compared_in = {};  // the file of cases, a path below tools/comparison
  std::string no_comparison = {};
  std::vector<Refusal> refusals = {};  // a refused argument or input, and the whole text
  std::vector<std::pair<std::string, Layer>> labels = {};  // how it is printed
  std::string digest = {};  // of setup_bytes: the first 16 digits of their SHA-256
};

/// Makes a registration known. make runs at the first use, when all constants of the library are there.
class Registration {
 public:
  explicit Registration(LayerRegistration (*make)());
};

std::ostream& operator<<(std::ostream& out, const LayerRegistration& registration);

/// All of them, in the order of their names.
const std::vector<LayerRegistration>& registrations();

/// Its files' name: group_norm of GroupNorm.
std::string file_name(const LayerRegistration& registration);

/// The numbers that setup gives every row with one seed: paths, kinds, dtypes and shapes as printed, and
/// the tensors' bytes. Without rows that draw normals, which may differ by an ulp between machines.
std::string setup_bytes(const LayerRegistration& registration);

}  // namespace luxtorch::testing
