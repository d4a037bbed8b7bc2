#include "writer.h"

#include <luxtorch/luxtorch.h>

namespace lux = luxtorch;
namespace data = lux::data;
using lux::Rng, lux::Step, lux::Tensor, lux::Tree;

Writer::Writer(const GPT& model, const Tree& ps, const Tree& st, const data::Alphabet& alphabet,
               const data::SampleOptions& options, Rng rng, Cache cache)
    : context_(static_cast<size_t>(model.context)),
      cell_(model),
      ps_(ps),
      st_(lux::testmode(st)),
      alphabet_(alphabet),
      sampler_(options),
      rng_(rng),
      cache_(cache) {}

void Writer::read(const std::string& prompt) {
  if (prompt.empty()) return see({alphabet_.find("\n").value_or(0)});
  const Tensor tokens = alphabet_.encode(prompt);
  see({tokens.const_data_ptr<int64_t>(), tokens.const_data_ptr<int64_t>() + tokens.numel()});
}

std::string_view Writer::write() {
  const std::span logits(logits_.const_data_ptr<float>(), static_cast<size_t>(alphabet_.size()));
  const int64_t token = sampler_(rng_, logits, drawn_++);
  see({token});
  return alphabet_.symbol(token);
}

std::string Writer::write(int64_t n) {
  std::string text;
  for (int64_t i = 0; i < n; ++i) text += write();
  return text;
}

void Writer::see(const std::vector<int64_t>& tokens) {
  window_.insert(window_.end(), tokens.begin(), tokens.end());
  size_t seen = cache_ == Cache::Yes ? window_.size() - tokens.size() : 0;
  if (window_.size() > context_) {
    window_.erase(window_.begin(), window_.end() - static_cast<int64_t>(context_ / 2));
    seen = 0;
  }
  const std::vector<int64_t> unseen(window_.begin() + static_cast<int64_t>(seen), window_.end());
  const Tensor x = lux::tensor(unseen).unsqueeze(0);
  const auto step =
      lux::predict<Step>(cell_, seen == 0 ? Tree(x) : lux::tuple({x, carry_}), ps_, st_);
  if (cache_ == Cache::Yes) carry_ = step.carry;
  logits_ = step.y.select(1, -1).contiguous();
}
