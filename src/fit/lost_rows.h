// What a callback says of rows that its file did not take.
#pragma once

#include <filesystem>
#include <string>

#include "luxtorch/fit/event.h"

namespace luxtorch::detail {

/// Says once in a run, by Event::note, that rows are lost; the run goes on.
class LostRows {
 public:
  /// who: the callback; what: what is lost, in the plural: "epochs".
  LostRows(std::string who, std::string what) : who_(std::move(who)), what_(std::move(what)) {}

  void begin_() { said_ = false; }
  /// path: of the file; why: the system's words.
  void say_(Event& event, const std::filesystem::path& path, const std::string& why) {
    if (said_) return;
    said_ = true;  // before the note, which may be for the same file
    event.note(who_ + ": " + path.string() + " cannot be written (" + why + "). The run goes on; " +
               what_ + " are missing in it for as long as that lasts.");
  }

 private:
  std::string who_, what_;
  bool said_ = false;
};

}  // namespace luxtorch::detail
