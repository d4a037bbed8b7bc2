// The text of the programs that write: a file, or fetched once and kept in a cache.
#pragma once

#include <filesystem>
#include <string>

namespace CLI {
class App;
}

/// What a program's command line says of its text.
struct CorpusOptions {
  std::filesystem::path file = {};  // or, when empty:
  std::string url = "https://cs.stanford.edu/people/karpathy/char-rnn/shakespeare_input.txt";
  std::string sha256 = "59a0ad62833b2e15ec811c548618876359e902717431236e52699a0e2bc253ca";

  /// Adds --corpus, --corpus-url and --corpus-sha256 to the app, which must not live longer than this object.
  void add_to(CLI::App& app);
};

struct Corpus {
  std::string name, text, sha256;
};

/// ArgumentError, in the name of the program: a file that cannot be read or is empty; a text that cannot be fetched, or
/// whose sha256 is another one (it is then removed).
Corpus load_corpus(const std::string& program, const CorpusOptions& options);
