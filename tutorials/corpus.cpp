#include "corpus.h"

#include <curl/curl.h>
#include <luxtorch/core/error.h>
#include <luxtorch/io/sha256.h>
#include <luxtorch/train/progress.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>

namespace fs = std::filesystem;
using luxtorch::ArgumentError;

namespace {

std::string read(const std::string& who, const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file || fs::is_directory(path))
    throw ArgumentError(who, "expected a text file, got " + path.string() +
                                 ", which cannot be read. Give another --corpus.");
  return std::move(text).str();
}

fs::path cache_folder() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache)
    return fs::path(cache) / "luxtorch";
  const char* home = std::getenv("HOME");
  return home && *home ? fs::path(home) / ".cache/luxtorch"
                       : fs::temp_directory_path() / "luxtorch-cache";
}

// A file that is removed unless it is kept.
class Beside {
 public:
  explicit Beside(fs::path target)
      : target_(std::move(target)), path_(target_.string() + "." + std::to_string(getpid())) {}
  ~Beside() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  const fs::path& path() const { return path_; }
  void keep() const { fs::rename(path_, target_); }

 private:
  fs::path target_, path_;
};

struct Bar {
  std::unique_ptr<luxtorch::ProgressBar> bar;
  int64_t shown = 0;

  static int advance(void* self, curl_off_t total, curl_off_t now, curl_off_t, curl_off_t) {
    constexpr int64_t kUnit = 1 << 16;
    auto& [bar, shown] = *static_cast<Bar*>(self);
    if (total <= 0 || !luxtorch::is_terminal(std::cerr)) return 0;
    if (!bar)
      bar = std::make_unique<luxtorch::ProgressBar>(std::cerr, (total + kUnit - 1) / kUnit,
                                                    "parts of 64 KiB", true);
    for (; shown < now / kUnit; ++shown) bar->advance();
    return 0;
  }
};

void download(const std::string& who, const std::string& url, const fs::path& to) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(to.c_str(), "wb"), std::fclose);
  if (started != CURLE_OK || !curl || !file)
    throw ArgumentError(who, "expected a place for the download, got " + to.parent_path().string() +
                                 ", where nothing can be written. Set XDG_CACHE_HOME, or "
                                 "give a file by --corpus.");
  char reason[CURL_ERROR_SIZE] = "";
  Bar bar;
  auto set = [&](CURLoption option, auto value) { curl_easy_setopt(curl.get(), option, value); };
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 1L);
  set(CURLOPT_MAXREDIRS, 5L);
  set(CURLOPT_FAILONERROR, 1L);
  set(CURLOPT_CONNECTTIMEOUT, 20L);
  // Nothing for half a minute: given up.
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, 30L);
  set(CURLOPT_ERRORBUFFER, reason);
  set(CURLOPT_WRITEDATA, file.get());
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &Bar::advance);
  set(CURLOPT_XFERINFODATA, &bar);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code == CURLE_OK && std::fflush(file.get()) == 0) return;
  const std::string what = code == CURLE_OK ? "the disk is full"
                           : *reason        ? reason
                                            : curl_easy_strerror(code);
  throw ArgumentError(who, "expected a text from " + url + ", got none: " + what +
                               ". Without a network, give a file by --corpus.");
}

std::string fetched(const std::string& who, const CorpusOptions& o) {
  const fs::path folder = cache_folder();
  std::error_code error;
  fs::create_directories(folder, error);
  // Texts from different places, or that should be different, do not meet.
  const auto key = luxtorch::sha256(o.url + " " + o.sha256).substr(0, 16);
  const fs::path path = folder / ("corpus-" + key + ".txt");
  auto is_right = [&](const std::string& text) {
    return o.sha256.empty() || luxtorch::sha256(text) == o.sha256;
  };
  if (fs::exists(path)) {
    if (std::string text = read(who, path); is_right(text)) return text;
    fs::remove(path, error);
  }
  std::cerr << who << ": fetching " << o.url << std::endl;
  const Beside beside(path);
  download(who, o.url, beside.path());
  std::string text = read(who, beside.path());
  if (!is_right(text))
    throw ArgumentError(who, "expected a text with the sha256 " + o.sha256 + " from " + o.url +
                                 ", got " + std::to_string(text.size()) + " bytes with " +
                                 luxtorch::sha256(text) +
                                 ". It is removed. Give a file by --corpus, or what is "
                                 "right by --corpus-sha256.");
  beside.keep();
  return text;
}

}  // namespace

void CorpusOptions::add_to(CLI::App& app) {
  app.add_option("--corpus", file, "A text in UTF-8; none is fetched then")->group("Text");
  app.add_option("--corpus-url", url, "Where the text is fetched from otherwise")->group("Text");
  app.add_option("--corpus-sha256", sha256, "What it must be, in hexadecimal digits")
      ->group("Text");
  app.callback(
      [this, &app, was = url] {  // the text of another place has another sum, if it is told
        if (url != was && app.count("--corpus-sha256") == 0) sha256.clear();
      });
}

Corpus load_corpus(const std::string& who, const CorpusOptions& o) {
  Corpus c{o.file.empty() ? o.url.substr(o.url.rfind('/') + 1) : o.file.filename().string(),
           o.file.empty() ? fetched(who, o) : read(who, o.file),
           {}};
  if (c.text.empty())
    throw ArgumentError(
        who, "expected a text, got the empty file " + c.name + ". Give another --corpus.");
  c.sha256 = luxtorch::sha256(c.text);
  return c;
}
