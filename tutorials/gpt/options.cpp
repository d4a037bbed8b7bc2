#include "options.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>

luxtorch::Tree Options::recipe() const {
  return luxtorch::named({{"layers", layers},
                          {"dims", dims},
                          {"heads", heads},
                          {"context", context},
                          {"epochs", epochs},
                          {"batch_size", batch_size},
                          {"learning_rate", learning_rate},
                          {"decay", decay},
                          {"clip", clip},
                          {"warmup", warmup},
                          {"seed", static_cast<int64_t>(seed)}});
}

void Options::take_network_(const luxtorch::Tree& recipe) {
  layers = recipe["layers"].scalar<int64_t>();
  dims = recipe["dims"].scalar<int64_t>();
  heads = recipe["heads"].scalar<int64_t>();
  context = recipe["context"].scalar<int64_t>();
}

Options Options::from_command_line(int argc, char** argv) {
  Options o;
  CLI::App app(
      "Trains a transformer to continue a text, symbol by symbol, and lets it write.\n"
      "Without --corpus it learns from a megabyte of Shakespeare, which is fetched once.");
  app.get_formatter()->column_width(34);
  app.option_defaults()->always_capture_default();

  auto number = [&](const char* name, auto& value, const char* text, const CLI::Validator& check) {
    app.add_option(name, value, text)->check(check)->group("Network and training");
  };
  number("--layers", o.layers, "Transformer layers", CLI::PositiveNumber);
  number("--dims", o.dims, "Features of a symbol, a multiple of twice --heads",
         CLI::PositiveNumber);
  number("--heads", o.heads, "Heads of each attention", CLI::PositiveNumber);
  number("--context", o.context, "Symbols that the network sees at once", CLI::Range(2, 1 << 20));
  number("--epochs", o.epochs, "Passes over the text", CLI::PositiveNumber);
  number("--batch-size", o.batch_size, "Sequences in a batch", CLI::PositiveNumber);
  number("--learning-rate", o.learning_rate, "AdamW's, at its highest", CLI::PositiveNumber);
  number("--decay", o.decay, "AdamW's weight decay, of matrices alone", CLI::NonNegativeNumber);
  number("--clip", o.clip, "Largest norm of a gradient", CLI::PositiveNumber);
  number("--warmup", o.warmup, "Steps up to that rate", CLI::NonNegativeNumber);
  number("--seed", o.seed, "Where parameters, order and samples start from",
         CLI::NonNegativeNumber);

  o.corpus.add_to(app);

  app.add_option("--out", o.out, "The folder of the checkpoints and the picture")->group("Files");
  app.add_option("--checkpoint-every", o.checkpoint_every, "Steps between two checkpoints")
      ->check(CLI::PositiveNumber)
      ->group("Files");
  app.add_option("--keep", o.keep, "As many checkpoints stay, and the best one")
      ->check(CLI::PositiveNumber)
      ->group("Files");
  app.add_flag("--resume", o.resume, "Go on from the newest whole checkpoint in that folder")
      ->group("Files");

  app.add_option("--sample", o.sample, "Write with the model in that folder instead")
      ->group("Writing");
  app.add_option("--prompt", o.prompt, "What the text begins with")->group("Writing");
  app.add_option("--length", o.length, "Symbols to write")
      ->check(CLI::NonNegativeNumber)
      ->group("Writing");
  app.add_option("--temperature", o.sampling.temperature,
                 "Below 1: likelier symbols; 0: always the likeliest")
      ->check(CLI::NonNegativeNumber)
      ->group("Writing");
  app.add_option("--top-k", o.sampling.top_k, "Only the likeliest k symbols")
      ->check(CLI::PositiveNumber)
      ->group("Writing");
  app.add_option("--top-p", o.sampling.top_p,
                 "Only the likeliest symbols that have this probability")
      ->check(CLI::Range(1e-9, 1.0))
      ->group("Writing");
  app.add_flag("--no-cache", o.no_cache, "Read the whole text anew for each symbol")
      ->group("Writing");

  app.add_option("--threads", o.threads, "Threads of torch; 0 is its own choice")
      ->check(CLI::NonNegativeNumber);
  try {
    app.parse(argc, argv);
    for (auto [name, value] : {std::pair{"--learning-rate", o.learning_rate},
                               {"--decay", o.decay},
                               {"--clip", o.clip},
                               {"--temperature", o.sampling.temperature}}) {
      if (!std::isfinite(value)) throw CLI::ValidationError(name, "must be finite");
    }
    if (o.dims % (2 * o.heads) != 0)
      throw CLI::ValidationError("--dims", "must be a multiple of twice --heads");
  } catch (const CLI::ParseError& e) {
    std::exit(app.exit(e) == 0 ? 0 : 2);
  }
  return o;
}
