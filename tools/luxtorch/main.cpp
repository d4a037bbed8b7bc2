// Looks into files of parameters, compares, converts and checks them.
//
//     tools/run luxtorch inspect trained_model.jld2

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>

#include "commands.h"
#include "listing.h"
#include "luxtorch/version.h"

namespace {

constexpr const char* kFiles =
    "Files: .jld2 (Julia), plain HDF5 (h5py, MATLAB), .safetensors, .pt and .pth (PyTorch), .npz "
    "and\n"
    ".npy (NumPy). What a file is, its content tells. Nothing in a file is ever run.";

int complain(const std::string& text, int status) {
  std::fprintf(stderr, "luxtorch: %s\n", printable(text).c_str());
  return status;
}

bool deflates(const std::string& path) {
  auto extension = CLI::detail::to_lower(std::filesystem::path(path).extension().string());
  return extension == ".jld2" || extension == ".npz";
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Looks into files of trained parameters, compares, converts and checks them.\n" +
               std::string(kFiles));
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
  convert_app
      ->add_option("OUT", convert.out,
                   "The file that is written: .jld2, .safetensors, .pt, .pth, .npz, .npy")
      ->required();
  convert_app->add_flag("--force", convert.force, "Replace OUT if it is there");
  convert_app->add_flag("--compress", convert.compress, "Deflate the arrays of .jld2 or .npz");
  convert_app->footer(
      "\nOUT appears whole or not at all, with the same numbers, bit for bit; what its format "
      "cannot\n"
      "hold is refused.\n\n"
      "Examples:\n"
      "  luxtorch convert model.pt model.safetensors\n"
      "  luxtorch convert --force --compress model.safetensors model.jld2\n\n"
      "Exit status: 0, 1 for a file that cannot be read or written, 2 wrong usage.");
  convert_app->callback([&] {
    if (convert.compress && !deflates(convert.out))
      throw CLI::ValidationError("--compress", "is for .jld2 and .npz");
    status = commands::convert(convert);
  });

  commands::Verify verify;
  auto* verify_app = app.add_subcommand(
      "verify",
      "Reads a whole file, checksums too where it has some, and looks for NaN and infinities");
  verify_app->add_option("FILE", verify.file, "The file")->required();
  verify_app->add_option("--seconds", verify.seconds,
                         "How long reading may take; 0, the default, is as long as it takes");
  verify_app->footer(
      "\nA child process reads: a reader that crashes or never ends is a verdict on the file.\n\n"
      "Examples:\n"
      "  luxtorch verify model.pt\n"
      "  for f in *.jld2; do luxtorch verify --seconds 60 \"$f\" || mv \"$f\" damaged/; done\n\n"
      "Exit status: 0 good, 1 not readable or not finite, 2 wrong usage.");
  verify_app->callback([&] { status = commands::verify(verify); });

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
