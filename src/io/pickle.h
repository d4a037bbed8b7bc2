// Python's pickles as values, without running anything: of its machine's instructions those that
// build containers, numbers and texts, and calls by name, which a visitor answers or refuses.
// https://docs.python.org/3/library/pickletools.html
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace luxtorch::io {

/// A value by its number. Values never move and are never copied, so that cycles and deep nesting
/// cost nothing here.
using PickleId = uint32_t;

struct PickleNone {};
struct PickleGlobal {
  std::string name;  // "torch.FloatStorage"
};
struct PickleSequence {
  std::vector<PickleId> parts;
  bool is_list;
};
struct PickleDict {
  enum class Kind {
    kPlain,
    kOrdered,  // collections.OrderedDict, whose attributes are left out
    kObject    // an object's attributes by their names
  };
  std::vector<std::pair<PickleId, PickleId>> items;  // later ones win, as in Python
  Kind kind = Kind::kPlain;
};
struct PickleBytes {
  std::string bytes;
};
/// What the visitor made, by its own number.
struct PickleMade {
  size_t number;
};

using PickleValue = std::variant<PickleNone, bool, int64_t, double, std::string, PickleGlobal,
                                 PickleSequence, PickleDict, PickleMade, PickleBytes>;

/// What a value is, in words: "an int", "a dict".
std::string_view describe(const PickleValue& value);

class Pickle {
 public:
  struct Visitor {
    /// Is this a name that may be asked for? Asking for another one is refused at once.
    std::function<bool(const std::string& name)> knows;
    /// Is it a constant, "torch.float32"? It becomes a text.
    std::function<bool(const std::string& name)> is_constant;
    /// What calling `name` gives.
    std::function<PickleValue(const Pickle&, const std::string& name,
                              const std::vector<PickleId>& arguments)>
        call;
    /// What a persistent id stands for.
    std::function<PickleValue(const Pickle&, PickleId id)> persistent;
  };

  /// Runs the whole text. Throws FileFault at "byte 17" for anything that no pickle has,
  /// FileUnsupported for names that the visitor does not know, for instructions that ask for other
  /// objects, and for more than 10 million values.
  Pickle(std::string_view text, const Visitor& visitor);

  PickleId root() const { return root_; }
  const PickleValue& operator[](PickleId id) const { return values_[id]; }

 private:
  friend class PickleMachine;
  std::vector<PickleValue> values_;
  PickleId root_ = 0;
};

}  // namespace luxtorch::io
