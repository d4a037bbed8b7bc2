// Texts as numbers, and sequences cut and stacked into batches.
//
//     auto alphabet = data::Alphabet::of(text, {.stop = "_"});
//     Tensor tokens = alphabet.encode(text);                      // (n) int64
//     auto [x, y] = data::streams(tokens, 8, 64);                 // (8, steps, 64) each, y one ahead
//     std::string same = alphabet.decode(tokens);
//
// Level 3: text -> tokens -> batches -> training. A text becomes one int64 tensor in one pass, and
// whatever cuts it gives views of it: do not write into them. Time follows the batch: (batch, time).
// MLUtils and OneHotArrays give the names; their dimensions are reversed here, and labels start at 0.
// Everything is pure; an Alphabet may be read from many threads.
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

/// What a text consists of: Unicode code points in UTF-8, or bytes, whatever they mean.
enum class Symbols { CodePoints, Bytes };

struct AlphabetOptions {
  /// A symbol behind the text's own ones, for stops and padding; "" is none. One that the text has
  /// anyway keeps its place.
  std::string stop = {};
  Symbols symbols = Symbols::CodePoints;
};

/// The different symbols of a text in the order of their first appearance, numbered from 0.
///
/// A text of code points must be UTF-8 (no overlong forms, no surrogates): anything else is an
/// ArgumentError that gives the first wrong byte and its position. Positions start at 0.
class LUXTORCH_API Alphabet {
 public:
  /// ArgumentError: an empty text, invalid UTF-8, a stop of more than one symbol.
  static Alphabet of(std::string_view text, const AlphabetOptions& options = {});

  int64_t size() const { return static_cast<int64_t>(codes_.size()); }
  Symbols kind() const { return kind_; }
  /// The stop symbol's number, if there is one.
  std::optional<int64_t> stop() const { return stop_; }
  /// The symbol's text. ArgumentError: a number outside [0, size).
  std::string_view symbol(int64_t number) const;
  std::vector<std::string> symbols() const;
  /// The number of a symbol, nothing where the alphabet has no such symbol.
  std::optional<int64_t> find(std::string_view symbol) const;
  /// The same; an ArgumentError that names the symbol where there is none.
  int64_t index(std::string_view symbol) const;

  /// The text's symbols as int64 (n). A symbol that the alphabet does not have counts as
  /// `otherwise`; without that it is an ArgumentError that names the symbol and its position.
  Tensor encode(std::string_view text, std::optional<std::string_view> otherwise = {}) const;
  /// The text of tokens (n) or (), integers. ArgumentError: a number outside [0, size), with its
  /// position.
  std::string decode(const Tensor& tokens) const;
  std::string decode(std::span<const int64_t> tokens) const;

  /// As a line of text and back, for files: UTF-8 whatever the symbols are. A text that is not from
  /// to_string is a FormatError.
  std::string to_string() const;
  static Alphabet from_string(std::string_view text);

  /// The same symbols in the same order, of the same kind and with the same stop.
  friend bool operator==(const Alphabet& a, const Alphabet& b) {
    return a.kind_ == b.kind_ && a.stop_ == b.stop_ && a.codes_ == b.codes_;
  }
  /// "Alphabet of 66 code points, stop "_""
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

/// n pieces of x along dim, as views: each of ceil(size / n), the last one shorter; fewer than n
/// where the size is small or that rounding adds up. ArgumentError: n below 1, nothing to cut.
LUXTORCH_API std::vector<Tensor> chunk(const Tensor& x, int64_t n, int64_t dim = 0);

struct ChunkOptions {
  int64_t size = 0;                 // of each piece, the last one may be shorter
  std::vector<int64_t> sizes = {};  // or of every piece; their sum is x's size
  int64_t dim = 0;
};
/// chunk(x, {.size = 32}) and chunk(x, {.sizes = {3, 5}}).
LUXTORCH_API std::vector<Tensor> chunk(const Tensor& x, const ChunkOptions& options);

/// Consecutive parts of `size` steps of x (batch, time, ...), as views; the last one may be shorter.
LUXTORCH_API std::vector<Tensor> partition(const Tensor& x, int64_t size, int64_t dim = 1);

/// Sequences (length, ...) of one dtype as a batch (n, longest length, ...), the shorter ones padded
/// at the end. `.unbind(1)` gives the steps one by one. ArgumentError: no sequences; ShapeError:
/// their dtypes, devices or other dimensions differ.
LUXTORCH_API Tensor batchseq(const std::vector<Tensor>& sequences, const at::Scalar& pad = 0);

struct Streams {
  Tensor x, y;  // (batch, steps, time)
};
/// A text for carried-state truncated back-propagation: row b of step s goes on in row b of step s
/// + 1, so that a model's carry fits the next step. y is x one symbol ahead.
///
///     for (int64_t s = 0; s < x.size(1); ++s) train(x.select(1, s), y.select(1, s), carry);
///
/// tokens: (n); both are views of it. Row b is a contiguous piece of the text, of steps * time
/// symbols, steps = (n - 1) / (batch * time); the rest at the end is left out. ArgumentError: a text
/// shorter than batch * time + 1.
LUXTORCH_API Streams streams(const Tensor& tokens, int64_t batch, int64_t time);

/// A text as independent batches, each a tuple (x, y) of (batch, time): the text's `batch` chunks,
/// padded, and cut into sequences; y is one symbol ahead and ends with a pad. The last batch may be
/// shorter in time. It is partition(batchseq(chunk(text, batch), pad), time) of the text and of
/// what follows its first symbol, with both cut at the same places.
///
/// tokens: (n). ArgumentError: a text shorter than time + 1.
LUXTORCH_API std::vector<Tree> sequence_batches(const Tensor& tokens, int64_t batch, int64_t time,
                                                int64_t pad);

/// The positions of n batches in a random order: the first floor(at * n) are for training, the rest
/// for the test. ArgumentError: at outside [0, 1].
LUXTORCH_API std::pair<std::vector<int64_t>, std::vector<int64_t>> split_batches(Rng rng, int64_t n,
                                                                                 double at);
/// The batches themselves.
template <class T>
std::pair<std::vector<T>, std::vector<T>> split_batches(Rng rng, const std::vector<T>& batches,
                                                        double at) {
  auto [train, test] = split_batches(rng, static_cast<int64_t>(batches.size()), at);
  std::pair<std::vector<T>, std::vector<T>> parts;
  for (auto i : train) parts.first.push_back(batches[static_cast<size_t>(i)]);
  for (auto i : test) parts.second.push_back(batches[static_cast<size_t>(i)]);
  return parts;
}

// One-hot vectors: float32, ready for a matrix product (Julia's are Bools, which count as numbers
// there). The last dimension is the labels'. A label that is not among `labels` counts as
// `otherwise`; without that it is an ArgumentError that names it and its position.

/// (labels). Labels are integers, or an alphabet's symbols.
LUXTORCH_API Tensor onehot(int64_t label, const std::vector<int64_t>& labels,
                           std::optional<int64_t> otherwise = {});
LUXTORCH_API Tensor onehot(std::string_view symbol, const Alphabet& alphabet,
                           std::optional<std::string_view> otherwise = {});

/// (xs' shape..., labels), on xs' device. xs: integers of any shape.
LUXTORCH_API Tensor onehotbatch(const Tensor& xs, const std::vector<int64_t>& labels,
                                std::optional<int64_t> otherwise = {});
/// With the labels 0 ... classes - 1: tokens.
LUXTORCH_API Tensor onehotbatch(const Tensor& xs, int64_t classes);
/// (n, alphabet) of a text of n symbols.
LUXTORCH_API Tensor onehotbatch(std::string_view text, const Alphabet& alphabet,
                                std::optional<std::string_view> otherwise = {});

/// The label of the largest element (of several, the first) along the last dimension of y (...,
/// labels): int64 of y's shape without it.
LUXTORCH_API Tensor onecold(const Tensor& y);
LUXTORCH_API Tensor onecold(const Tensor& y, const std::vector<int64_t>& labels);
/// The text of y (n, alphabet) or (alphabet).
LUXTORCH_API std::string onecold(const Tensor& y, const Alphabet& alphabet);

}  // namespace luxtorch::data
