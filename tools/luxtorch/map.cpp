#include "map.h"

#include <algorithm>
#include <filesystem>

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

const char* text_of(const ModelPart& part) {
  switch (part.kind) {
    case PartKind::Cell:
      return part.gates == 4 ? "LSTM" : part.gates == 3 ? "GRU" : "RNN";
    case PartKind::Dense:
      return "Dense, Linear";
    case PartKind::Embedding:
      return "Embedding";
    case PartKind::BatchNorm:
      return "BatchNorm";
    default:
      return "(as it is)";
  }
}

bool has_numbers(const ModelPart& part) {
  return part.kind != PartKind::Carry && part.kind != PartKind::Bidirectional &&
         part.kind != PartKind::NumberedRange;
}

/// Lux's 0.5 and the reversing layers are seen in the file, whatever its layout is said to be; how an
/// embedding and a carry lie is not.
void to_ours_(Guess& guess, const Tree& file_ps, ModelLayout from) {
  std::vector<ModelPart> parts;
  std::vector<LuxVersion> versions;
  for (const auto& part : guess.parts) {
    bool turned = part.kind == PartKind::Embedding || part.kind == PartKind::Carry;
    if (from == ModelLayout::Ours && turned) continue;
    parts.push_back(part);
    versions.push_back(version_of(part, file_ps));
  }
  guess.model = in_our_layout(parts, versions, std::move(guess.model));
}

void check_paths(const std::vector<std::string>& paths, const Guess& guess, ModelLayout from,
                 PartKind kind, const char* option, const char* what) {
  for (const auto& path : paths) {
    bool found = std::ranges::any_of(guess.parts, [&](const ModelPart& part) {
      return part.kind == kind && file_path(part, from) == path;
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
  check_paths(options.embeddings, g, from, PartKind::Embedding, "--embedding",
              "a part with a matrix weight");
  check_paths(options.sequences, g, from, PartKind::Cell, "--sequence", "a cell");
  if (std::ranges::none_of(g.parts, [](const ModelPart& p) {
        return has_numbers(p) && p.kind != PartKind::Other;
      })) {
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
  for (const auto& part : g.parts) {
    if (!has_numbers(part)) continue;
    auto now = options.to == ModelLayout::Torch ? part.torch : part.lux;
    if (options.to == ModelLayout::Torch && !part.suffix.empty())
      now = join_path(now, "..." + part.suffix);
    result.table.push_back({file_path(part, from) + (from == ModelLayout::Torch ? part.suffix : ""),
                            text_of(part), now});
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
