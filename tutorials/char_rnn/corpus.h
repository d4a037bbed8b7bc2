// The text: a file, or fetched once and kept in a cache.
#pragma once

#include <string>

#include "options.h"

struct Corpus {
  std::string name, text, sha256;
};

/// ArgumentError: a file that cannot be read or is empty; a text that cannot be fetched, or whose sha256 is another one
/// (it is then removed).
Corpus load_corpus(const Options& o);
