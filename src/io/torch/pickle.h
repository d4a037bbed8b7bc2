// Python's pickles as values, without running anything: of its machine's instructions those that
// build containers, numbers and texts, and calls by name, which a visitor answers or refuses. What it
// refuses is an object that is not built.
// https://docs.python.org/3/library/pickletools.html
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
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
  std::optional<PickleId> attributes = {};  // what Python keeps beside it
  std::optional<PickleId> of_class = {};    // where it is another than the visitor makes
};
/// What Python would build and nobody builds here, by its number among the pickle's objects.
struct PickleObject {
  size_t number;
};

using PickleValue = std::variant<PickleNone, bool, int64_t, double, std::string, PickleGlobal,
                                 PickleSequence, PickleDict, PickleMade, PickleBytes, PickleObject>;

/// What a value is, in words: "an int", "a dict".
std::string_view describe(const PickleValue& value);

class Pickle {
 public:
  /// A class or a function of Python, or what calling one gives.
  struct Object {
    std::string type;                                       // "argparse.Namespace"
    std::string problem;                                    // why it is not built, a sentence
    std::vector<std::pair<PickleId, PickleId>> items = {};  // attributes, and a dict's items
    std::vector<PickleId> parts = {};                       // a list's elements
  };
  struct Visitor {
    /// Is this a name that may be asked for? Asking for another one is refused at once, or gives an
    /// object.
    std::function<bool(const std::string& name)> knows;
    /// Is it a constant, "torch.float32"? It becomes a text.
    std::function<bool(const std::string& name)> is_constant;
    /// What calling `name` gives.
    std::function<PickleValue(const Pickle&, const std::string& name,
                              const std::vector<PickleId>& arguments)>
        call;
    /// What a persistent id stands for.
    std::function<PickleValue(const Pickle&, PickleId id)> persistent;
    /// Make objects of what is refused, in place of an error?
    bool makes_objects = false;
  };

  /// Runs the text up to the instruction that ends it. Throws Fault at "byte 17" for anything that no
  /// pickle has, an unsupported one for instructions that no pickle of torch.save has, for more than 10
  /// million values, and without makes_objects for names that the visitor does not know and for what
  /// it refuses.
  Pickle(std::string_view text, const Visitor& visitor);

  PickleId root() const { return root_; }
  const Object& object(PickleObject value) const { return objects_[value.number]; }
  /// Bytes of the text up to its end.
  size_t size() const { return size_; }
  const PickleValue& operator[](PickleId id) const { return values_[id]; }

 private:
  friend class PickleMachine;
  std::vector<PickleValue> values_;
  std::vector<Object> objects_;
  PickleId root_ = 0;
  size_t size_ = 0;
};

}  // namespace luxtorch::io
