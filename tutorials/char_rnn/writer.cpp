#include "writer.h"

#include <luxtorch/luxtorch.h>

#include <iostream>

#include "model.h"

namespace lux = luxtorch;
namespace data = lux::data;
using lux::Layer, lux::Rng, lux::Tensor, lux::Tree;

Writer::Writer(const Layer& model, const Tree& ps, const Tree& st, const data::Alphabet& alphabet,
               const data::SampleOptions& options, Rng rng)
    : model_(model, ps, at_start(st)), alphabet_(alphabet), sampler_(options), rng_(rng) {}

void Writer::read(const std::string& prompt) {
  see(prompt.empty() ? lux::full({1, 1}, alphabet_.find("\n").value_or(0), {.dtype = lux::kInt64})
                     : alphabet_.encode(prompt).unsqueeze(0));
}

std::string_view Writer::write() {
  const std::span logits(logits_.const_data_ptr<float>(), static_cast<size_t>(alphabet_.size()));
  const int64_t token = sampler_(rng_, logits, drawn_++);
  see(lux::full({1, 1}, token, {.dtype = lux::kInt64}));
  return alphabet_.symbol(token);
}

std::string Writer::write(int64_t n) {
  std::string text;
  for (int64_t i = 0; i < n; ++i) text += write();
  return text;
}

void Writer::see(const Tensor& tokens) {
  logits_ = model_(tokens).tensor().select(1, -1).contiguous();
}

void write_on(const Options& o) {
  const lux::Checkpoint trained = lux::load_checkpoint(o.sample);
  Options network = o;
  network.take_network_(trained.values["recipe"]);
  const auto alphabet =
      data::Alphabet::from_string(trained.values["alphabet"].scalar<std::string>());
  const Layer model = make_model(network, alphabet.size());
  auto answer = [&](const std::string& prompt, uint64_t n) {
    Writer writer(model, trained.parameters, trained.states, alphabet, o.sampling,
                  Rng(o.seed).fold_in("sample").fold_in(n));
    writer.read(prompt);
    std::cout << prompt;
    for (int64_t i = 0; i < o.length; ++i) std::cout << writer.write() << std::flush;
    std::cout << std::endl;
  };
  if (!o.interactive) return answer(o.prompt, 0);
  std::string prompt;
  for (uint64_t n = 0; std::cout << "> " << std::flush && std::getline(std::cin, prompt); ++n) {
    try {
      answer(prompt, n);
    } catch (const lux::ArgumentError& e) {
      std::cout << e.what() << std::endl;
    }
  }
  std::cout << std::endl;
}
