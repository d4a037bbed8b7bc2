// Files' trees in the layouts of PyTorch's state dicts and of Lux, without a model: the layers are
// guessed from names and shapes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "interop/lux_parts.h"

enum class ModelLayout { Torch, Lux, LuxZeroFive, Ours };

struct MapOptions {
  ModelLayout to = ModelLayout::Torch;
  std::optional<ModelLayout> from = {};  // never LuxZeroFive: cells of it show themselves
  std::vector<std::string> embeddings = {}, sequences = {};  // paths in the file
};

/// What a place in a file was taken for.
enum class Taken { Cell, Dense, Embedding, BatchNorm, AsItIs };
struct Place {
  Taken taken;
  luxtorch::detail::ModelPart where;
};

/// A tree of layers, of our layout, with what they were taken for.
struct Guess {
  std::vector<Place> places;
  std::vector<luxtorch::detail::ModelPart> parts;
  luxtorch::detail::Model model;  // what parts' paths lead to
};

/// Places and parts, as a walk through a file finds them.
class Found {
 public:
  /// A layer whose own parameters and states are ps and st: those that `layer` describes lie as it says,
  /// all others as they are.
  void add(Taken taken, const luxtorch::detail::ModelPart& where,
           const luxtorch::Description& layer, const luxtorch::Tree& ps, const luxtorch::Tree& st);
  void add_as_it_is(const luxtorch::detail::ModelPart& where);
  /// What f appends: the parts of cells.
  template <class F>
  void add_cells(const F& f) {
    auto first = parts.size();
    f(parts);
    for (auto i = first; i < parts.size(); ++i) {
      if (parts[i].kind == luxtorch::detail::PartKind::Cell)
        places.push_back({Taken::Cell, parts[i]});
    }
  }

  std::vector<Place> places;
  std::vector<luxtorch::detail::ModelPart> parts;
};

/// Of parameters and states as Lux or this library lays them out; carries and embeddings are still as
/// they were there. `sequences`: cells that are run over sequences, besides those in chains.
Guess guess_layers(const luxtorch::Tree& ps, const luxtorch::Tree& st, const MapOptions& options);
/// Of a state dict.
Guess guess_modules(const luxtorch::Tree& state_dict, const MapOptions& options);

/// 4, 3 or 1: an LSTM, a GRU or an RNN. An UnsupportedError with the path for other shapes.
int64_t gates_of(const luxtorch::Tree& weight_hh, const std::string& path);

struct Mapped {
  luxtorch::Tree tree;
  std::vector<std::vector<std::string>> table;  // path in the file, what it was taken for, new path
  std::vector<std::string> left_out;            // what has no place in the new file
};
/// Throws an UnsupportedError where nothing was recognised or something has no place in the layout, and
/// an ArgumentError for paths in the options that are not there.
Mapped mapped(const luxtorch::Tree& file, const std::string& name, const MapOptions& options);
