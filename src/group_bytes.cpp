#include "group_bytes.h"

#include <ATen/ops/empty.h>

#include <cstring>
#include <utility>

#include "luxtorch/core/error.h"

namespace luxtorch::detail {

namespace {

enum class Kind : char { none, tensor, boolean, integer, real, text, rng, named, tuple };

class Writer {
 public:
  void tree(const Tree& t) {
    if (t.is_named()) {
      kind(Kind::named), number(static_cast<int64_t>(t.size()));
      for (const auto& [key, value] : t.items()) text(key), tree(value);
    } else if (t.is_tuple()) {
      kind(Kind::tuple), number(static_cast<int64_t>(t.size()));
      for (const Tree& value : t.elements()) tree(value);
    } else if (t.is_tensor() && t.tensor().defined()) {
      kind(Kind::tensor), tensor(t.tensor());
    } else if (t.is<bool>()) {
      kind(Kind::boolean), number(t.scalar<bool>() ? 1 : 0);
    } else if (t.is<int64_t>()) {
      kind(Kind::integer), number(t.scalar<int64_t>());
    } else if (t.is<double>()) {
      const double value = t.scalar<double>();
      kind(Kind::real), raw(&value, sizeof value);
    } else if (t.is_string()) {
      kind(Kind::text), text(t.scalar<std::string>());
    } else if (t.is_rng()) {
      kind(Kind::rng), number(static_cast<int64_t>(t.scalar<Rng>().key()));
    } else {
      kind(Kind::none);
    }
  }
  std::string bytes;

 private:
  void raw(const void* from, size_t count) { bytes.append(static_cast<const char*>(from), count); }
  void kind(Kind k) { bytes.push_back(static_cast<char>(k)); }
  void number(int64_t n) { raw(&n, sizeof n); }
  void text(const std::string& s) {
    number(static_cast<int64_t>(s.size()));
    raw(s.data(), s.size());
  }
  void tensor(const Tensor& t) {
    number(static_cast<int64_t>(t.scalar_type()));
    number(t.dim());
    for (int64_t n : t.sizes()) number(n);
    const Tensor dense = t.detach().cpu().contiguous();
    raw(dense.const_data_ptr(), dense.nbytes());
  }
};

class Reader {
 public:
  explicit Reader(const std::string& bytes) : bytes_(bytes) {}

  Tree tree() {
    char k = 0;
    raw(&k, 1);
    switch (static_cast<Kind>(k)) {
      case Kind::none:
        return {};
      case Kind::tensor:
        return tensor();
      case Kind::boolean:
        return number() != 0;
      case Kind::integer:
        return number();
      case Kind::real: {
        double value = 0;
        raw(&value, sizeof value);
        return value;
      }
      case Kind::text:
        return text();
      case Kind::rng:
        return Rng(static_cast<uint64_t>(number()));
      case Kind::named: {
        std::vector<Tree::Item> items;
        for (int64_t n = number(); n > 0; --n) {
          std::string key = text();
          items.emplace_back(std::move(key), tree());
        }
        return named(std::move(items));
      }
      case Kind::tuple: {
        std::vector<Tree> elements;
        for (int64_t n = number(); n > 0; --n) elements.push_back(tree());
        return luxtorch::tuple(std::move(elements));
      }
    }
    short_of_bytes();
  }

 private:
  [[noreturn]] static void short_of_bytes() {
    throw FormatError("Group", "expected a whole tree of another process, got a part of one.");
  }
  void raw(void* to, size_t count) {
    if (count > bytes_.size() - at_) short_of_bytes();
    std::memcpy(to, bytes_.data() + at_, count);
    at_ += count;
  }
  int64_t number() {
    int64_t n = 0;
    raw(&n, sizeof n);
    return n;
  }
  std::string text() {
    const auto n = static_cast<size_t>(number());
    if (n > bytes_.size() - at_) short_of_bytes();
    std::string s = bytes_.substr(at_, n);
    at_ += n;
    return s;
  }
  Tensor tensor() {
    const auto dtype = static_cast<Dtype>(number());
    std::vector<int64_t> sizes(static_cast<size_t>(number()));
    for (int64_t& n : sizes) n = number();
    Tensor t = at::empty(sizes, at::TensorOptions().dtype(dtype));
    raw(t.mutable_data_ptr(), t.nbytes());
    return t;
  }

  const std::string& bytes_;
  size_t at_ = 0;
};

}  // namespace

std::string to_bytes(const Tree& t) {
  Writer writer;
  writer.tree(t);
  return std::move(writer.bytes);
}

Tree from_bytes(const std::string& bytes) { return Reader(bytes).tree(); }

}  // namespace luxtorch::detail
