#include "options.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>

Options Options::from_command_line(int argc, char** argv) {
  Options o;
  CLI::App app(
      "Shows what recurrent cells and layers are and where their hidden state is, makes a cell of "
      "its own, and\n"
      "trains a model that says which of two words came first, with and without the sequences' "
      "lengths.");
  app.get_formatter()->column_width(34);
  app.option_defaults()->always_capture_default();
  app.add_option("--cell", o.cell, "What reads the words; mgu is the cell of our own")
      ->check(CLI::IsMember({"lstm", "gru", "rnn", "mgu"}));
  app.add_option("--epochs", o.epochs, "Passes over the training set")->check(CLI::PositiveNumber);
  app.add_option("--sequences", o.sequences, "How many to train on")->check(CLI::PositiveNumber);
  app.add_option("--longest", o.longest, "Words of the longest sequence; all are padded to it")
      ->check(CLI::Range(5, 500));
  app.add_option("--batch-size", o.batch_size, "Sequences in a batch")->check(CLI::PositiveNumber);
  app.add_option("--learning-rate", o.learning_rate, "Adam's")->check(CLI::PositiveNumber);
  app.add_option("--seed", o.seed, "Where data, parameters and shuffling start from");
  app.add_option("--threads", o.threads, "Threads of torch; 0 is its own choice")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--plots", o.plots,
                 "A folder for a picture (drawn by gnuplot) and its numbers (CSV)");
  try {
    app.parse(argc, argv);
    if (!std::isfinite(o.learning_rate))
      throw CLI::ValidationError("--learning-rate", "must be finite");
  } catch (const CLI::ParseError& e) {
    std::exit(app.exit(e) == 0 ? 0 : 2);
  }
  return o;
}
