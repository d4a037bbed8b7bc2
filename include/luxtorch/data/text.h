// Texts as numbers, and sequences cut and stacked into batches.
//
//     auto alphabet = data::Alphabet::of(text, {.stop = "_"});
//     Tensor tokens = alphabet.encode(text);                      // (n) int64
//     auto [x, y] = data::streams(tokens, 8, 64);                 // (8, steps, 64) each, y one ahead
//     std::string same = alphabet.decode(tokens);
//
// A text becomes one int64 tensor in one pass. The functions that cut it give views of it: do not
// write to them. Dimensions are (batch, time). The names are those of MLUtils and OneHotArrays;
// their dimensions are in reverse order here, and labels start at 0. All functions are pure; an
// Alphabet may be read from many threads.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/tree.h"

namespace luxtorch::data {

/// What counts as one symbol of a text.
enum class Symbols {
  CodePoints,  ///< A Unicode code point; the text is UTF-8.
  Bytes        ///< A byte, in any encoding.
};

/// How an Alphabet is made from a text.
struct AlphabetOptions {
  /// One more symbol, after those of the text, for stops and padding; "": none. A symbol that the
  /// text already has keeps its number.
  std::string stop = {};
  /// What counts as one symbol.
  Symbols symbols = Symbols::CodePoints;
};

/// The different symbols of a text in the order of their first appearance, numbered from 0.
///
/// A text of code points must be UTF-8 (no overlong forms, no surrogates): anything else is an
/// ArgumentError that names the first wrong byte and its position. Positions start at 0.
class LUXTORCH_API Alphabet {
 public:
  /// The alphabet of a text. ArgumentError: an empty text, invalid UTF-8, a stop of more than one
  /// symbol.
  static Alphabet of(std::string_view text, const AlphabetOptions& options = {});

  /// The number of symbols, the stop included.
  int64_t size() const { return static_cast<int64_t>(codes_.size()); }
  /// What counts as one symbol.
  Symbols kind() const { return kind_; }
  /// The stop symbol's number, if there is one.
  std::optional<int64_t> stop() const { return stop_; }
  /// The text of the symbol with this number; valid as long as the alphabet. ArgumentError: a
  /// number outside [0, size).
  std::string_view symbol(int64_t number) const;
  /// The texts of all symbols, by number.
  std::vector<std::string> symbols() const;
  /// The number of a symbol; nothing where the alphabet does not have it.
  std::optional<int64_t> find(std::string_view symbol) const;
  /// The number of a symbol. ArgumentError, which names it: the alphabet does not have it.
  int64_t index(std::string_view symbol) const;

  /// The numbers of the text's n symbols: int64 (n), on the CPU. A symbol that the alphabet does
  /// not have counts as `otherwise`. ArgumentError: such a symbol without `otherwise` (with its
  /// position), an `otherwise` that is not in the alphabet, invalid UTF-8.
  Tensor encode(std::string_view text, std::optional<std::string_view> otherwise = {}) const;
  /// The text of tokens (n) or (), integers on any device. ArgumentError: a number outside [0,
  /// size), with its position; ShapeError: another shape or dtype.
  std::string decode(const Tensor& tokens) const;
  /// The same for numbers in memory.
  std::string decode(std::span<const int64_t> tokens) const;

  /// The alphabet as text, for files: UTF-8 for both kinds of symbols. from_string reads it.
  std::string to_string() const;
  /// The alphabet that to_string wrote. FormatError: another text.
  static Alphabet from_string(std::string_view text);

  /// Whether both have the same symbols in the same order, of the same kind, and the same stop.
  friend bool operator==(const Alphabet& a, const Alphabet& b) {
    return a.kind_ == b.kind_ && a.stop_ == b.stop_ && a.codes_ == b.codes_;
  }
  /// One line: Alphabet of 66 code points, stop "_"
  friend LUXTORCH_API std::ostream& operator<<(std::ostream& out, const Alphabet& alphabet);

 private:
  Alphabet() = default;
  void add_(uint32_t code);
  int32_t number(uint32_t code) const { return code < numbers_.size() ? numbers_[code] : -1; }

  Symbols kind_ = Symbols::CodePoints;
  std::optional<int64_t> stop_;
  std::vector<uint32_t> codes_;   // code points or bytes, by number
  std::vector<int32_t> numbers_;  // by code, -1: none
  std::string text_;              // all symbols, one after the other
  std::vector<uint32_t> starts_ = {0};
};

// Cutting and stacking.

/// n pieces of x along dim, as views. Each has ceil(size / n) elements along dim, the last one may
/// have fewer; there are fewer than n pieces where that many fill the size. Negative dims count
/// from the end. ArgumentError: n below 1, a size of 0; ShapeError: no such dim.
LUXTORCH_API std::vector<Tensor> chunk(const Tensor& x, int64_t n, int64_t dim = 0);

/// Where chunk cuts: exactly one of size and sizes is set.
struct ChunkOptions {
  int64_t size = 0;                 ///< Of each piece, at least 1; the last one may be shorter.
  std::vector<int64_t> sizes = {};  ///< Of every piece, at least 1; the sum is x's size.
  int64_t dim = 0;                  ///< Negative ones count from the end.
};
/// Pieces of x with given sizes, as views: chunk(x, {.size = 32}), chunk(x, {.sizes = {3, 5}}).
/// ArgumentError: a size below 1, size and sizes both set, sizes with another sum; ShapeError: no
/// such dim.
LUXTORCH_API std::vector<Tensor> chunk(const Tensor& x, const ChunkOptions& options);

/// Consecutive parts of `size` steps of x (batch, time, ...), as views; the last one may be
/// shorter. ArgumentError: a size below 1, no steps; ShapeError: no such dim.
LUXTORCH_API std::vector<Tensor> partition(const Tensor& x, int64_t size, int64_t dim = 1);

/// n sequences (length, ...) of one dtype as a batch (n, longest length, ...); shorter ones are
/// padded at the end. `.unbind(1)` gives the steps one by one. ArgumentError: no sequences;
/// ShapeError: their dtypes, devices or other dimensions differ.
LUXTORCH_API Tensor batchseq(const std::vector<Tensor>& sequences, const at::Scalar& pad = 0);

/// What streams gives: both (batch, steps, time).
struct Streams {
  Tensor x,  ///< The inputs.
      y;     ///< The targets: x one symbol ahead.
};
/// A text for truncated back-propagation with carried state: row b of step s continues in row b of
/// step s + 1, so that a model's carry fits the next step. y is x one symbol ahead.
///
///     for (int64_t s = 0; s < x.size(1); ++s) train(x.select(1, s), y.select(1, s), carry);
///
/// tokens: (n), integers; x and y are views of it. Row b is a contiguous piece of the text, of
/// steps * time symbols, with steps = (n - 1) / (batch * time) rounded down; the rest at the end is
/// left out. ArgumentError: a batch or time below 1, a text shorter than batch * time + 1;
/// ShapeError: other tokens.
LUXTORCH_API Streams streams(const Tensor& tokens, int64_t batch, int64_t time);

/// A text as independent batches, each a tuple (x, y) of (batch, time): the text's `batch` chunks,
/// padded, and cut into sequences; y is one symbol ahead and ends with a pad. The last batch may be
/// shorter in time. x comes from partition(batchseq(chunk(text, batch), pad), time), and y from the
/// same of the text without its first symbol, cut at the same places.
///
/// tokens: (n), integers. ArgumentError: a batch or time below 1, a text shorter than time + 1;
/// ShapeError: other tokens.
LUXTORCH_API std::vector<Tree> sequence_batches(const Tensor& tokens, int64_t batch, int64_t time,
                                                int64_t pad);

/// The positions of n batches in random order: {the first floor(at * n), for training; the rest,
/// for testing}. ArgumentError: at outside [0, 1].
LUXTORCH_API std::pair<std::vector<int64_t>, std::vector<int64_t>> split_batches(Rng rng, int64_t n,
                                                                                 double at);
/// The same with the batches themselves.
template <class T>
std::pair<std::vector<T>, std::vector<T>> split_batches(Rng rng, const std::vector<T>& batches,
                                                        double at) {
  auto [train, test] = split_batches(rng, static_cast<int64_t>(batches.size()), at);
  std::pair<std::vector<T>, std::vector<T>> parts;
  for (auto i : train) parts.first.push_back(batches[static_cast<size_t>(i)]);
  for (auto i : test) parts.second.push_back(batches[static_cast<size_t>(i)]);
  return parts;
}

// One-hot vectors are float32, ready for a matrix product (in OneHotArrays they are Bools). The
// last dimension is that of the labels.

/// The one-hot vector (labels) of one label. A label that is not among `labels` counts as
/// `otherwise`. ArgumentError: such a label without `otherwise`, an `otherwise` that is not among
/// them, no labels.
LUXTORCH_API Tensor onehot(int64_t label, const std::vector<int64_t>& labels,
                           std::optional<int64_t> otherwise = {});
/// The same for a symbol: (alphabet.size()).
LUXTORCH_API Tensor onehot(std::string_view symbol, const Alphabet& alphabet,
                           std::optional<std::string_view> otherwise = {});

/// The one-hot vectors of xs, integers of any shape: (xs' shape..., labels), on xs' device. Errors
/// as of onehot, with the position; ShapeError: xs that are not integers.
LUXTORCH_API Tensor onehotbatch(const Tensor& xs, const std::vector<int64_t>& labels,
                                std::optional<int64_t> otherwise = {});
/// The same with the labels 0 ... classes - 1, as tokens have them. ArgumentError: a label outside
/// of them, classes below 1.
LUXTORCH_API Tensor onehotbatch(const Tensor& xs, int64_t classes);
/// The one-hot vectors of a text's n symbols: (n, alphabet.size()). Errors as of Alphabet::encode.
LUXTORCH_API Tensor onehotbatch(std::string_view text, const Alphabet& alphabet,
                                std::optional<std::string_view> otherwise = {});

/// The position of the largest element (of several equal ones, the first) along the last dimension
/// of y (..., labels): int64 of y's shape without it. ShapeError: no dimension, or a last one of
/// size 0.
LUXTORCH_API Tensor onecold(const Tensor& y);
/// The label at that position. ShapeError: a last dimension of another size than there are labels.
LUXTORCH_API Tensor onecold(const Tensor& y, const std::vector<int64_t>& labels);
/// The text of y (n, alphabet.size()) or (alphabet.size()). ShapeError: another shape.
LUXTORCH_API std::string onecold(const Tensor& y, const Alphabet& alphabet);

}  // namespace luxtorch::data
