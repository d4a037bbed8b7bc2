#include "map.h"

#include <algorithm>
#include <filesystem>

#include "interop/tensor_layout.h"
#include "interop/torch_names.h"
#include "luxtorch/core/error.h"
#include "text.h"

using luxtorch::LuxVersion, luxtorch::named, luxtorch::Tree;
using luxtorch::detail::join_path, luxtorch::detail::ModelPart, luxtorch::detail::PartKind;
using luxtorch::detail::root_names, luxtorch::detail::RootNames;

namespace {

std::string file_path(const ModelPart& part, ModelLayout from) {
  return from == ModelLayout::Torch ? part.torch : part.lux;
}

/// Of a file that has parameters and states under names of its own, Lux's if Julia wrote it.
ModelLayout layout_of(const Tree& file, const std::string& name, const MapOptions& options) {
  if (options.from) return *options.from;
  if (root_names(file).ps.empty()) return ModelLayout::Torch;
  auto extension = std::filesystem::path(name).extension().string();
  return extension == ".jld2" ? ModelLayout::Lux : ModelLayout::Ours;
}

const char* text_of(const Place& place) {
  switch (place.taken) {
    case Taken::Cell:
      return place.where.gates == 4 ? "LSTM" : place.where.gates == 3 ? "GRU" : "RNN";
    case Taken::Dense:
      return "Dense, Linear";
    case Taken::Embedding:
      return "Embedding";
    case Taken::BatchNorm:
      return "BatchNorm";
    case Taken::AsItIs:
      break;
  }
  return "(as it is)";
}

/// Lux's 0.5 and the reversing layers are seen in the file, whatever its layout is said to be; how an
/// embedding and a carry lie is not.
void to_ours_(Guess& guess, const Tree& file_ps, ModelLayout from) {
  std::vector<ModelPart> parts;
  std::vector<LuxVersion> versions;
  for (const auto& part : guess.parts) {
    bool turned = part.kind == PartKind::Carry || !luxtorch::detail::is_ours(part.lux_layout);
    if (from == ModelLayout::Ours && turned) continue;
    parts.push_back(part);
    versions.push_back(version_of(part, file_ps));
  }
  guess.model = in_our_layout(parts, versions, std::move(guess.model));
}

void check_paths(const std::vector<std::string>& paths, const Guess& guess, ModelLayout from,
                 Taken taken, const char* option, const char* what) {
  for (const auto& path : paths) {
    bool found = std::ranges::any_of(guess.places, [&](const Place& place) {
      return place.taken == taken && file_path(place.where, from) == path;
    });
    if (!found) {
      throw luxtorch::ArgumentError(
          "convert", std::string("expected ") + option + " to name " + what +
                         ", as the file has it (luxtorch inspect lists them), got " + path + ".");
    }
  }
}

Guess guess(const Tree& file, ModelLayout from, const RootNames& roots, const MapOptions& options) {
  Guess g;
  if (from == ModelLayout::Torch) {
    g = guess_modules(file, options);
  } else {
    const Tree& ps = roots.ps.empty() ? file : file[roots.ps];
    bool has_states = !roots.st.empty() && file.contains(roots.st);
    g = guess_layers(ps, has_states ? file[roots.st] : named({}), options);
    to_ours_(g, ps, from);
  }
  check_paths(options.embeddings, g, from, Taken::Embedding, "--embedding",
              "a part with a matrix weight");
  check_paths(options.sequences, g, from, Taken::Cell, "--sequence", "a cell");
  if (std::ranges::none_of(g.places, [](const Place& p) { return p.taken != Taken::AsItIs; })) {
    throw luxtorch::UnsupportedError(
        "convert",
        "expected a state dict, or parameters and states, with names of layers that --map knows "
        "(weight, weight_ih, running_mean, ...), got " +
            luxtorch::describe_kind(file) + ".");
  }
  return g;
}

}  // namespace

Mapped mapped(const Tree& file, const std::string& name, const MapOptions& options) {
  auto from = layout_of(file, name, options);
  auto roots = from == ModelLayout::Torch ? RootNames{} : root_names(file);
  auto g = guess(file, from, roots, options);
  Mapped result;
  result.table.push_back({"path", "taken for", "becomes"});
  for (const auto& place : g.places) {
    const auto& part = place.where;
    auto now = options.to == ModelLayout::Torch ? part.torch : part.lux;
    if (options.to == ModelLayout::Torch && !part.suffix.empty())
      now = join_path(now, "..." + part.suffix);
    result.table.push_back({file_path(part, from) + (from == ModelLayout::Torch ? part.suffix : ""),
                            text_of(place), now});
  }
  std::vector<Tree::Item> others;
  if (!roots.ps.empty()) {
    for (const auto& item : file.items())
      if (item.first != roots.ps && item.first != roots.st) others.push_back(item);
  }
  if (options.to == ModelLayout::Torch) {
    for (const auto& [key, _] : others) result.left_out.push_back(key);
    result.tree =
        state_dict(torch_names("convert", g.parts, g.model.ps, g.model.st), g.model.ps, g.model.st);
  } else {
    auto version = options.to == ModelLayout::LuxZeroFive ? LuxVersion::V0_5 : LuxVersion::V1;
    auto lux = in_lux_layout(g.parts, std::vector(g.parts.size(), version), g.model);
    if (roots.ps.empty()) roots = {"ps", "st"};
    result.tree = merge(named({{roots.ps, lux.ps}, {roots.st, lux.st}}), named(std::move(others)));
  }
  return result;
}
