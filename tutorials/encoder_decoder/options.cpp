#include "options.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>

Options Options::from_command_line(int argc, char** argv) {
  Options o;
  CLI::App app(
      "Trains an LSTM encoder and decoder to go on with a series: it sees 80 values, sums of two "
      "noisy waves,\n"
      "and forecasts the next 20. Compares it with forecasts that need no training.");
  app.get_formatter()->column_width(34);
  app.option_defaults()->always_capture_default();
  app.add_option("--epochs", o.epochs, "Passes over the training series")
      ->check(CLI::PositiveNumber);
  app.add_option("--series", o.series, "Series to train on; 1000 others are held out")
      ->check(CLI::PositiveNumber);
  app.add_option("--teacher-forcing", o.teacher_forcing,
                 "The share of batches whose decoder is told the true values")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--noise", o.noise, "Standard deviation of the noise in the series")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--hidden", o.hidden, "Units of encoder and decoder")->check(CLI::PositiveNumber);
  app.add_option("--batch-size", o.batch_size, "Series in a batch")->check(CLI::PositiveNumber);
  app.add_option("--learning-rate", o.learning_rate, "Adam's, at its highest")
      ->check(CLI::PositiveNumber);
  app.add_option("--seed", o.seed, "Where series, parameters and shuffling start from");
  app.add_option("--device", o.device, "cpu, gpu (the CPU where there is none), cuda or cuda:N");
  app.add_option("--threads", o.threads, "Threads of torch; 0 is its own choice")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--plots", o.plots,
                 "A folder for a picture (drawn by gnuplot) and its numbers (CSV)");
  try {
    app.parse(argc, argv);
    using Number = std::pair<const char*, double>;
    for (auto [name, value] :
         {Number("--learning-rate", o.learning_rate), Number("--noise", o.noise)}) {
      if (!std::isfinite(value)) throw CLI::ValidationError(name, "must be finite");
    }
  } catch (const CLI::ParseError& e) {
    std::exit(app.exit(e) == 0 ? 0 : 2);
  }
  return o;
}
