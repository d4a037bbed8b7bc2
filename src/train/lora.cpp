#include "luxtorch/train/lora.h"

#include <ATen/ops/addmm.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <mutex>

#include "layer_setup.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/io/sha256.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch {

namespace {

// A dtype's name in digests. Files hold these: a name stays as it is.
std::string name_in_digest(Dtype dtype) {
  switch (dtype) {
    case Dtype::Bool:
      return "bool";
    case Dtype::Byte:
      return "uint8";
    case Dtype::Char:
      return "int8";
    case Dtype::Short:
      return "int16";
    case Dtype::Int:
      return "int32";
    case Dtype::Long:
      return "int64";
    case Dtype::Half:
      return "float16";
    case Dtype::BFloat16:
      return "bfloat16";
    case Dtype::Float:
      return "float32";
    case Dtype::Double:
      return "float64";
    case Dtype::ComplexFloat:
      return "complex64";
    case Dtype::ComplexDouble:
      return "complex128";
    default:
      return fmt::format("type{}", static_cast<int>(dtype));  // torch's numbers stay
  }
}

// The SHA-256 of a line for each tensor: "layer_1.weight float32 4,3 " and the SHA-256 of its bytes, row by
// row. Files hold it: the lines stay as they are. Of each tensor by its own, so that no copy of all bytes is
// needed.
std::string digest_of(const Tree& parameters) {
  std::string all;
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        if (!leaf.is_tensor() || !leaf.tensor().defined()) return;
        const Tensor t = leaf.tensor().cpu().contiguous();
        all += fmt::format("{} {} {} {}\n", path, name_in_digest(t.scalar_type()),
                           fmt::join(t.sizes(), ","),
                           sha256({static_cast<const char*>(t.const_data_ptr()), t.nbytes()}));
      },
      parameters);
  return sha256(all);
}

}  // namespace

namespace detail {

struct LoraBase {
  explicit LoraBase(Tree p) : parameters(std::move(p)) {}

  const std::string& sha256() const {
    std::call_once(computed_, [this] { sha256_ = digest_of(parameters); });
    return sha256_;
  }

  Tree parameters;

 private:
  mutable std::once_flag computed_;
  mutable std::string sha256_;
};

}  // namespace detail

namespace {

constexpr const char* kLora = "lora";

template <class E>
[[noreturn]] void refuse_at(const std::string& path, const std::string& message) {
  E error(kLora, message);
  error.prepend_path_(path);
  throw error;
}

detail::LoraMatrix matrix_of(const std::string& path, const Tensor& w, int64_t rank) {
  if (w.dim() < 2 || !w.is_floating_point()) {
    refuse_at<ShapeError>(path, fmt::format("expected a floating matrix (out, in) or (out, ...), "
                                            "got {}. Pick other paths.",
                                            describe_kind(w)));
  }
  const int64_t rows = w.size(0), columns = rows > 0 ? w.numel() / rows : 0;
  if (rank > std::min(rows, columns)) {
    refuse_at<ArgumentError>(path,
                             fmt::format("expected .rank of at most {} for this matrix of shape "
                                         "{}, got {}.",
                                         std::min(rows, columns), shape_text(w.sizes()), rank));
  }
  return {path, rows, columns};
}

Tree constant(const Tree& t) {
  return tree::map_tensors([](const Tensor& leaf) { return transforms::detached(leaf); }, t);
}

}  // namespace

Lora::Lora(Layer model, const PathPredicate& which, LoraOptions options)
    : model_(std::move(model)), options_(options) {
  if (options_.rank < 1) {
    throw ArgumentError(kLora, fmt::format("expected .rank of at least 1, got {}.", options_.rank));
  }
  if (!std::isfinite(options_.alpha))
    throw ArgumentError(kLora, fmt::format("expected a finite .alpha, got {}.", options_.alpha));
  std::vector<std::string> there;
  const Tree ps = detail::structure(model_.describe(), Initial::parameters);
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        if (!leaf.is_tensor() || !leaf.tensor().defined()) return;
        there.push_back(path);
        if (which(path)) matrices_.push_back(matrix_of(path, leaf.tensor(), options_.rank));
      },
      ps);
  if (!matrices_.empty()) return;
  throw ArgumentError(
      kLora,
      fmt::format("expected a predicate that picks parameters, got one that picks none. There "
                  "are {}.",
                  there.empty() ? "none" : fmt::format("{}", fmt::join(there, ", "))));
}

Lora Lora::with_base(const Tree& base) const {
  detail::check_fits(detail::structure(model_.describe(), Initial::parameters), base,
                     "Lora::with_base", "parameters");
  Lora other = *this;
  other.base_ = std::make_shared<const detail::LoraBase>(tree::detach(base));
  return other;
}

std::string Lora::base_sha256() const { return base_ ? base_->sha256() : ""; }

Tree Lora::new_pairs(Rng rng) const {
  std::vector<Tree::Item> items;
  for (const auto& m : matrices_) {
    const double bound = 1 / std::sqrt(static_cast<double>(m.columns));
    items.emplace_back(
        m.path + ".a",
        random::uniform(rng.fold_in(m.path), Shape{options_.rank, m.columns}, -bound, bound));
    items.emplace_back(m.path + ".b", zeros({m.rows, options_.rank}));
  }
  return tree::nest(items);
}

Tree Lora::initial_parameters(Rng rng) const {
  Tree pairs = new_pairs(rng.fold_in("lora"));
  if (base_) return pairs;
  return named({{"base", detail::draw_part(model_.describe(), Initial::parameters, rng)},
                {"lora", std::move(pairs)}});
}

Tree Lora::initial_states(Rng rng) const {
  return detail::draw_part(model_.describe(), Initial::states, rng);
}

Tree Lora::settled_states(const Tree& ps, const Tree& st) const {
  return detail::settled(model_.describe(), base_ ? base_->parameters : ps["base"], st);
}

Tree Lora::merged(const Tree& base, const Tree& pairs) const {
  Tree sum = base;
  const double scale = options_.alpha / static_cast<double>(options_.rank);
  for (const auto& m : matrices_) {
    const Tensor& w = base.at(m.path).tensor();
    const Tree& pair = pairs.at(m.path);
    sum = sum.with(m.path, at::addmm(w.reshape({m.rows, m.columns}), pair["b"].tensor(),
                                     pair["a"].tensor(), 1, scale)
                               .reshape(w.sizes()));
  }
  return sum;
}

Out<Tree> Lora::operator()(const Tree& x, const Tree& ps, const Tree& st) const {
  const Tree all = base_ ? merged(base_->parameters, ps) : merged(constant(ps["base"]), ps["lora"]);
  auto out = model_(x, all, st);
  detail::report(*this, out.first);
  return out;
}

std::string Lora::label() const {
  return fmt::format("Lora({}, rank={}, alpha={})", model_.label(), options_.rank, options_.alpha);
}

std::pair<Lora, Tree> lora(Layer model, const Tree& ps, const PathPredicate& which,
                           LoraOptions options) {
  detail::check_fits(detail::structure(model.describe(), Initial::parameters), ps, kLora,
                     "parameters");
  Lora with_pairs(std::move(model), which, options);
  Tree pairs = with_pairs.new_pairs(options.rng.fold_in("lora"));
  for (const auto& m : with_pairs.matrices_) {
    const Tensor& w = ps.at(m.path).tensor();
    for (const char* name : {"a", "b"}) {
      const std::string path = m.path + "." + name;
      pairs = pairs.with(path, pairs.at(path).tensor().to(w.device(), w.scalar_type()));
    }
  }
  return {std::move(with_pairs), named({{"base", ps}, {"lora", std::move(pairs)}})};
}

Tree merge_lora(const Lora& model, const Tree& ps) {
  detail::check_fits(detail::structure(describe(model), Initial::parameters), ps, "merge_lora",
                     "parameters");
  return model.base_ ? model.merged(model.base_->parameters, ps)
                     : model.merged(ps["base"], ps["lora"]);
}

}  // namespace luxtorch
