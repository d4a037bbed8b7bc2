#include "options.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>

Options Options::from_command_line(int argc, char** argv) {
  Options o;
  CLI::App app(
      "Trains a small recurrent network to tell which of two arms a noisy spiral is, saves its "
      "parameters for\n"
      "Julia as trained_model.jld2, loads them again and shows that they predict the same.");
  app.get_formatter()->column_width(34);
  app.option_defaults()->always_capture_default();
  app.add_option("--model", o.model, "How the model is written")
      ->check(CLI::IsMember({"struct", "compact", "both"}));
  app.add_option("--loop", o.loop,
                 "How it is trained: single_train_step_, fit, or gradient and update by hand")
      ->check(CLI::IsMember({"step", "fit", "manual"}));
  app.add_option("--cell", o.cell, "The recurrent cell")
      ->check(CLI::IsMember({"lstm", "gru", "rnn"}));
  app.add_option("--epochs", o.epochs, "Passes over the training set")->check(CLI::PositiveNumber);
  app.add_option("--seed", o.seed, "Where data, parameters and shuffling start from");
  app.add_option("--batch-size", o.batch_size, "Spirals in a batch")->check(CLI::PositiveNumber);
  app.add_option("--hidden", o.hidden, "Units of the cell")->check(CLI::PositiveNumber);
  app.add_option("--learning-rate", o.learning_rate, "Adam's")->check(CLI::PositiveNumber);
  app.add_option("--device", o.device, "cpu, gpu (the CPU where there is none), cuda or cuda:N");
  app.add_option("--threads", o.threads, "Threads of torch; 0 is its own choice")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--out", o.out, "Where the trained parameters and states go");
  app.add_flag("--compress", o.compress, "Deflate the file's arrays");
  app.add_option("--plots", o.plots,
                 "A folder for pictures (drawn by gnuplot) and their numbers (CSV)");
  app.add_flag("--mirrored", o.mirrored,
               "Mirror the second arm, so that the two turn opposite ways");
  try {
    app.parse(argc, argv);
    if (!std::isfinite(o.learning_rate))
      throw CLI::ValidationError("--learning-rate", "must be finite");
  } catch (const CLI::ParseError& e) {
    std::exit(app.exit(e) == 0 ? 0 : 2);
  }
  return o;
}
