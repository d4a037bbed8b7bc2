// Looks into files of parameters, compares, converts and checks them; shows trainings by their logs.
//
//     tools/run luxtorch inspect trained_model.jld2

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <exception>
#include <string>

#include "commands.h"
#include "io/formats.h"
#include "listing.h"
#include "luxtorch/version.h"

namespace {

// ".jld2, .h5, .hdf5, ...", of all formats or of those that compress.
std::string extensions(bool compressing) {
  std::string all;
  for (const auto& format : luxtorch::io::formats())
    for (const auto& extension : format.extensions)
      if (extension.compresses || !compressing)
        all += (all.empty() ? "" : ", ") + std::string(extension.name);
  return all;
}

// "JLD2 (.jld2), HDF5 (.h5, .hdf5), ..."
std::string files() {
  std::string all = "Files:";
  for (const auto& format : luxtorch::io::formats()) {
    all += (all.ends_with(':') ? " " : ", ") + std::string(format.title) + " (";
    for (const auto& extension : format.extensions)
      all += (all.ends_with('(') ? "" : ", ") + std::string(extension.name);
    all += ")";
  }
  return all + ".\nWhat a file is, its content tells. Nothing in a file is ever run.";
}

int complain(const std::string& text, int status) {
  std::fprintf(stderr, "luxtorch: %s\n", printable(text).c_str());
  return status;
}

ModelLayout layout_of(const std::string& name) {
  if (name == "torch") return ModelLayout::Torch;
  if (name == "lux") return ModelLayout::Lux;
  return name == "lux05" ? ModelLayout::LuxZeroFive : ModelLayout::Ours;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Looks into files of trained parameters, compares, converts and checks them; shows how "
      "trainings go.\n" +
      files());
  app.name("luxtorch");
  app.set_version_flag("--version", std::string("luxtorch ") + luxtorch::version());
  app.require_subcommand(1);
  app.get_formatter()->column_width(30);
  app.footer(
      "\nluxtorch COMMAND --help tells more, with examples.\n"
      "Exit status: 0 good (of diff: equal), 1 not, 2 wrong usage. Errors are one line on stderr.");
  int status = 0;

  commands::Inspect inspect;
  auto* inspect_app = app.add_subcommand(
      "inspect",
      "Lists what a file holds: paths, types, shapes, bytes, mean and standard deviation");
  inspect_app->add_option("FILE", inspect.file, "The file")->required();
  inspect_app->add_flag("--json", inspect.json, "For scripts: JSON, with least and most values");
  inspect_app->footer(
      "\nMean and deviation are of the finite values; of complex numbers, of their magnitudes.\n\n"
      "Examples:\n"
      "  luxtorch inspect trained_model.jld2\n"
      "  luxtorch inspect --json model.pt | jq '.entries[] | select(.nan > 0) | .path'\n\n"
      "Exit status: 0, 1 for a file that cannot be read, 2 wrong usage.");
  inspect_app->callback([&] { status = commands::inspect(inspect); });

  commands::Diff diff;
  auto* diff_app = app.add_subcommand(
      "diff",
      "Compares two files, of any two formats: structure, and the largest differences by path");
  diff_app->add_option("A", diff.a, "A file")->required();
  diff_app->add_option("B", diff.b, "The file that it is compared with")->required();
  diff_app
      ->add_option("--tolerance", diff.tolerance,
                   "The largest max|a-b|/max|b| of a tensor that counts as equal (0)")
      ->check(CLI::NonNegativeNumber);
  diff_app->footer(
      "\nThe order of names does not count. NaN is equal to NaN.\n\n"
      "Examples:\n"
      "  luxtorch diff before.jld2 after.jld2\n"
      "  luxtorch diff --tolerance 1e-5 model.pt model.safetensors && echo equal\n\n"
      "Exit status: 0 equal, 1 different, 2 wrong usage or a file that cannot be read.");
  diff_app->callback([&] { status = commands::diff(diff); });

  commands::Convert convert;
  auto* convert_app =
      app.add_subcommand("convert", "Writes what a file holds in the format of another one's name");
  convert_app->add_option("IN", convert.in, "The file that is read")->required();
  convert_app->add_option("OUT", convert.out, "The file that is written: " + extensions(false))
      ->required();
  convert_app->add_flag("--force", convert.force, "Replace OUT if it is there");
  convert_app->add_flag("--compress", convert.compress,
                        "Deflate the arrays of " + extensions(true));
  MapOptions map;
  std::string map_to, map_from;
  auto* map_option = convert_app->add_option("--map", map_to, "Write OUT in this layout")
                         ->check(CLI::IsMember({"torch", "lux", "lux05"}));
  convert_app->add_option("--from", map_from, "The layout of IN, if it is not as guessed")
      ->check(CLI::IsMember({"torch", "lux", "luxtorch"}))
      ->needs(map_option);
  auto add_paths = [&](const char* name, std::vector<std::string>& paths, const char* what) {
    convert_app->add_option(name, paths, what)
        ->type_name("PATH")
        ->allow_extra_args(false)
        ->needs(map_option);
  };
  add_paths("--embedding", map.embeddings, "A part of IN that is an Embedding; may be repeated");
  add_paths("--sequence", map.sequences,
            "A cell of IN that is a whole nn.RNN, GRU or LSTM in torch; may be repeated");
  convert_app->footer(
      "\nOUT appears whole or not at all, with the same numbers, bit for bit; what its format "
      "cannot\n"
      "hold is refused.\n\n"
      "--map names and turns parameters for the layers of PyTorch (torch: a state dict), of Lux "
      "(lux), or\n"
      "of Lux 0.5 (lux05), whichever of them IN has, and prints what each part was taken for. "
      "There is\n"
      "no model, so names and shapes decide:\n"
      "  IN          with ps and st (or ps_trained and st_trained, parameters and states): Lux's "
      "layout\n"
      "              if it is .jld2, else luxtorch's; anything else is a state dict. --from says "
      "otherwise\n"
      "  cells       weight_ih and weight_hh, or weight_i and weight_h (Lux 0.5); weight_hh's rows "
      "tell\n"
      "              which: 4 per column an LSTM, 3 a GRU, 1 an RNN\n"
      "  in torch    layer_1, layer_2, ... are a Sequential 0, 1, ..., cells in it an nn.LSTM of "
      "one layer\n"
      "              (weight_ih_l0); only cells of one kind and size: one of several layers; "
      "elsewhere a\n"
      "              cell is an nn.LSTMCell, unless --sequence names it\n"
      "  matrices    a weight is a Dense layer's, unless --embedding names its part (they are "
      "turned)\n"
      "  in Lux      numbered modules are a Chain, where what has no parameters counts; what "
      "follows the\n"
      "              last of them cannot be seen, and is to be added in Julia\n"
      "States that are no tensors are new in Lux and left out in torch. Programs with the model at "
      "hand\n"
      "need no guesses: to_torch, from_torch, to_lux, from_lux.\n\n"
      "Examples:\n"
      "  luxtorch convert model.pt model.safetensors\n"
      "  luxtorch convert --force --compress model.safetensors model.jld2\n"
      "  luxtorch convert --map torch trained_model.jld2 model.pt     # for load_state_dict\n"
      "  luxtorch convert --map lux --embedding 0 model.pt model.jld2\n\n"
      "Exit status: 0, 1 for a file that cannot be read or written, 2 wrong usage.");
  convert_app->callback([&] {
    if (convert.compress && !luxtorch::io::compresses(convert.out))
      throw CLI::ValidationError("--compress", "is for " + extensions(true));
    if (!map_to.empty()) {
      map.to = layout_of(map_to);
      if (!map_from.empty()) map.from = layout_of(map_from);
      convert.map = map;
    }
    status = commands::convert(convert);
  });

  commands::Doctor doctor;
  auto* doctor_app = app.add_subcommand(
      "doctor", "What this build and this machine have, and which kernels run: for a bug report");
  doctor_app->add_flag("--json", doctor.json, "For scripts");
  doctor_app->footer("\nExamples:\n  luxtorch doctor >> report.txt\n\nExit status: 0.");
  doctor_app->callback([&] { status = commands::doctor(doctor); });

  commands::Verify verify;
  auto* verify_app = app.add_subcommand(
      "verify",
      "Reads a whole file, checksums too where it has some, and looks for NaN and infinities");
  verify_app->add_option("FILE", verify.file, "The file")->required();
  verify_app->add_option(
      "--seconds", verify.seconds,
      "How long reading may take; 0: as long as it takes (60, and 1 more for each "
      "4 MB of the file)");
  verify_app->add_option(
      "--memory", verify.megabytes,
      "How many MB reading may take; 0: all that there are (1000, and the file's "
      "size)");
  verify_app->footer(
      "\nA child process reads: a reader that crashes or never ends is a verdict on the file.\n\n"
      "Examples:\n"
      "  luxtorch verify model.pt\n"
      "  for f in *.jld2; do luxtorch verify --seconds 60 \"$f\" || mv \"$f\" damaged/; done\n\n"
      "Exit status: 0 good, 1 not readable or not finite, 2 wrong usage.");
  verify_app->callback([&] { status = commands::verify(verify); });

  commands::Watch watch;
  auto* watch_app = app.add_subcommand(
      "watch", "Shows how trainings go, or went: curves, rates, what they said last");
  watch_app->add_option("RUN", watch.runs, "A run's folder, or its log.jsonl")->required();
  watch_app->add_flag("--once", watch.once,
                      "Print one frame and end; so it does where the output is no terminal");
  watch_app->add_flag("--log", watch.logarithmic, "Logarithmic axes for losses");
  watch_app->add_option("--width", watch.width, "Columns, if not the terminal's")
      ->check(CLI::Range(20, 1000));
  watch_app->add_option("--height", watch.height, "Lines, if not the terminal's")
      ->check(CLI::Range(2, 1000));
  watch_app->footer(
      "\nReads the log.jsonl that lux::JsonLines writes into the run's folder, about once a "
      "second, and\nnothing else: the training does not notice. q or Ctrl-C leaves, l switches "
      "logarithmic axes.\n\n"
      "Examples:\n"
      "  luxtorch watch runs/a\n"
      "  luxtorch watch runs/a runs/b                 # side by side\n"
      "  luxtorch watch --once runs/a | mail -s training me\n\n"
      "Exit status: 0, 1 for a run that is not there, 2 wrong usage.");
  watch_app->callback([&] { status = commands::watch(watch); });

  commands::Report report;
  auto* report_app = app.add_subcommand(
      "report", "Writes a page about trainings: curves, what differs, models, versions");
  report_app->add_option("RUN", report.runs, "A run's folder, or its log.jsonl")->required();
  report_app->add_option("-o,--output", report.out, "The HTML file that is written")
      ->capture_default_str();
  report_app->footer(
      "\nThe page is one file without scripts, for browsers and for mail. Folders without a "
      "log.jsonl are\nnamed and left out.\n\n"
      "Examples:\n"
      "  luxtorch report runs/*\n"
      "  luxtorch report runs/a runs/b -o compared.html\n\n"
      "Exit status: 0, 1 where there is no run or the page cannot be written, 2 wrong usage.");
  report_app->callback([&] { status = commands::report(report); });

  try {
    app.parse(argc, argv);
    // What could not be printed must not look like success.
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      return complain("the output could not be written", 1);
    return status;
  } catch (const CLI::Success& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    return complain(e.what() + std::string(" (luxtorch --help tells more)"), 2);
  } catch (const std::exception& e) {
    return complain(e.what(), diff_app->parsed() ? 2 : 1);
  }
}
