#include "options.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>

luxtorch::Tree Options::recipe() const {
  return luxtorch::named({{"cell", cell},
                          {"hidden", hidden},
                          {"reference", reference},
                          {"epochs", epochs},
                          {"batch_size", batch_size},
                          {"sequence", sequence},
                          {"learning_rate", learning_rate},
                          {"clip", clip},
                          {"warmup", warmup},
                          {"seed", static_cast<int64_t>(seed)}});
}

void Options::take_network_(const luxtorch::Tree& recipe) {
  cell = recipe["cell"].scalar<std::string>();
  hidden = recipe["hidden"].scalar<int64_t>();
  reference = recipe["reference"].scalar<bool>();
}

Options Options::from_command_line(int argc, char** argv) {
  Options o;
  CLI::App app(
      "Trains a recurrent network to continue a text, symbol by symbol, and lets it write.\n"
      "Without --corpus it learns from Shakespeare's works, which are fetched once.");
  app.get_formatter()->column_width(34);
  app.option_defaults()->always_capture_default();

  app.add_option("--cell", o.cell, "The recurrent cell")
      ->check(CLI::IsMember({"lstm", "gru", "rnn"}))
      ->group("Network and training");
  auto number = [&](const char* name, auto& value, const char* text, const CLI::Validator& check) {
    return app.add_option(name, value, text)->check(check)->group("Network and training");
  };
  number("--hidden", o.hidden, "Units of each of the two recurrent layers", CLI::PositiveNumber);
  number("--epochs", o.epochs, "Passes over the text", CLI::PositiveNumber);
  auto* batch = number("--batch-size", o.batch_size, "Sequences in a batch (--reference: 32)",
                       CLI::PositiveNumber);
  number("--sequence", o.sequence, "Symbols that a gradient goes back", CLI::PositiveNumber);
  auto* learning_rate =
      number("--learning-rate", o.learning_rate,
             "Adam's, at its highest (gru: 0.005, rnn: 0.002; --reference: 0.01 for all)",
             CLI::PositiveNumber);
  number("--clip", o.clip, "Largest norm of a gradient; not with --reference", CLI::PositiveNumber);
  number("--warmup", o.warmup, "Steps up to that rate; not with --reference",
         CLI::NonNegativeNumber);
  number("--seed", o.seed, "Where parameters, order and samples start from",
         CLI::NonNegativeNumber);
  app.add_flag("--reference", o.reference, "Train and write as the reference does, for comparison")
      ->group("Network and training");

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

  auto* sample = app.add_option("--sample", o.sample, "Write with the model in that folder instead")
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
  app.add_flag("--interactive", o.interactive, "Ask for prompts at the terminal, end with Ctrl-D")
      ->needs(sample)
      ->group("Writing");

  app.add_option(
         "--threads", o.threads,
         "Threads of torch; 0 is its own choice. Steps as small as these gain little by a second")
      ->check(CLI::NonNegativeNumber);
  try {
    app.parse(argc, argv);
    for (auto [name, value] : {std::pair{"--learning-rate", o.learning_rate},
                               {"--clip", o.clip},
                               {"--temperature", o.sampling.temperature}}) {
      if (!std::isfinite(value)) throw CLI::ValidationError(name, "must be finite");
    }
  } catch (const CLI::ParseError& e) {
    std::exit(app.exit(e) == 0 ? 0 : 2);
  }
  if (!o.reference && learning_rate->count() == 0) {
    if (o.cell == "gru") o.learning_rate = 5e-3;
    if (o.cell == "rnn") o.learning_rate = 2e-3;
  }
  if (o.reference && batch->count() == 0) o.batch_size = 32;
  return o;
}
