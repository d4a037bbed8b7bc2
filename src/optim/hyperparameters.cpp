#include "optim/hyperparameters.h"

#include <fmt/format.h>

#include <cmath>

namespace luxtorch::detail {

namespace {

using Numbers = std::span<const double>;
bool at_least_0(Numbers v, size_t i) { return v[i] >= 0 && std::isfinite(v[i]); }
bool below_1(Numbers v, size_t i) { return v[i] >= 0 && v[i] < 1; }
bool above_0(Numbers v, size_t i) { return v[i] > 0; }
bool around_1(Numbers v, size_t i) {
  return i == 0 ? v[i] > 0 && v[i] < 1 : v[i] > 1 && std::isfinite(v[i]);
}
bool ordered(Numbers v, size_t i) { return v[i] > 0 && (i == 0 || v[i] >= v[0]); }

using Set = Hyperparameters;
constexpr std::string_view kAtLeast0 = "finite and at least 0", kBelow1 = "in [0, 1)",
                           kAbove0 = "above 0";
constexpr HyperWord kVocabulary[] = {
    {"lr", &Set::lr, nullptr, at_least_0, kAtLeast0, &Schedules::lr},
    {"beta", nullptr, &Set::beta, below_1, kBelow1},
    {"rho", &Set::rho, nullptr, below_1, kBelow1, &Schedules::rho},
    {"epsilon", &Set::epsilon, nullptr, at_least_0, kAtLeast0},
    {"lambda", &Set::lambda, nullptr, at_least_0, kAtLeast0, &Schedules::lambda},
    {"delta", &Set::delta, nullptr, above_0, kAbove0},
    {"omega", &Set::omega, nullptr, above_0, kAbove0},
    {"p", &Set::p, nullptr, above_0, kAbove0},
    {"ell", nullptr, &Set::ell, around_1, "in (0, 1) and above 1"},
    {"gamma", nullptr, &Set::gamma, ordered, "above 0 and in order"},
};

}  // namespace

std::vector<double> HyperWord::numbers(const Hyperparameters& h) const {
  if (one) return {*(h.*one)};
  return {(*(h.*pair))[0], (*(h.*pair))[1]};
}

void HyperWord::set(Hyperparameters& h, std::span<const double> numbers) const {
  if (one) {
    h.*one = numbers.front();
  } else {
    h.*pair = {numbers.front(), numbers.back()};
  }
}

void HyperWord::check(const std::string& who, const Hyperparameters& h) const {
  if (!is_set(h)) return;
  const auto all = numbers(h);
  for (size_t i = 0; i < all.size(); ++i) {
    if (!allows(all, i))
      throw ArgumentError(who, fmt::format("expected {} {}, got {}.", name, words, all[i]));
  }
}

const HyperWord& hyper_word(std::string_view name) {
  for (const auto& word : kVocabulary) {
    if (word.name == name) return word;
  }
  throw ArgumentError("Optimizer",
                      fmt::format("expected the name of a hyper-parameter, got {}.", name));
}

std::vector<std::pair<const HyperWord*, Hyperparameters>> apart(const Hyperparameters& h) {
  std::vector<std::pair<const HyperWord*, Hyperparameters>> all;
  for (const auto& word : kVocabulary) {
    if (!word.is_set(h)) continue;
    all.emplace_back(&word, Hyperparameters());
    word.set(all.back().second, word.numbers(h));
  }
  return all;
}

std::vector<std::pair<const HyperWord*, const schedule::Schedule*>> listed(const Schedules& s) {
  std::vector<std::pair<const HyperWord*, const schedule::Schedule*>> all;
  for (const auto& word : kVocabulary) {
    if (word.schedule && s.*word.schedule) all.emplace_back(&word, &*(s.*word.schedule));
  }
  return all;
}

Hyperparameters values_at(const Schedules& s, int64_t t) {
  Hyperparameters h;
  for (const auto& [word, schedule] : listed(s)) word->set(h, std::array{(*schedule)(t)});
  return h;
}

Tree OwnOptimizer::as_tree(const Hyperparameters& h) {
  std::vector<Tree::Item> items;
  for (const auto& word : kVocabulary) {
    if (!word.is_set(h)) continue;
    const auto numbers = word.numbers(h);
    items.emplace_back(std::string(word.name),
                       word.one ? Tree(numbers[0]) : tuple({numbers[0], numbers[1]}));
  }
  return named(std::move(items));
}

std::optional<Hyperparameters> OwnOptimizer::of_tree(const Tree& t) {
  if (!t.is_named()) return std::nullopt;
  auto is_number = [](const Tree& v) { return v.is<double>() || v.is<int64_t>(); };
  Hyperparameters h;
  size_t known = 0;
  for (const auto& word : kVocabulary) {
    if (!t.contains(word.name)) continue;
    const Tree& value = t[word.name];
    if (word.one && is_number(value)) {
      word.set(h, std::array{value.scalar<double>()});
    } else if (word.pair && value.is_tuple() && value.size() == 2 && is_number(value[0]) &&
               is_number(value[1])) {
      word.set(h, std::array{value[0].scalar<double>(), value[1].scalar<double>()});
    } else {
      continue;
    }
    ++known;
  }
  return known == t.size() ? std::optional(h) : std::nullopt;
}

Hyperparameters OwnOptimizer::merged(const Hyperparameters& before,
                                     const Hyperparameters& changes) {
  Hyperparameters all = before;
  for (const auto& word : kVocabulary) {
    if (word.is_set(changes)) word.set(all, word.numbers(changes));
  }
  return all;
}

}  // namespace luxtorch::detail
