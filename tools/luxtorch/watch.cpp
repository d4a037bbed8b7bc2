// luxtorch watch RUN...: how trainings go, from their logs alone.

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "commands.h"
#include "fit/terminal_text.h"
#include "log_reader.h"
#include "luxtorch/core/error.h"
#include "watch_frame.h"

namespace {

constexpr int kBetweenFrames = 1000;  // milliseconds
constexpr int kUsualWidth = 100, kUsualHeight = 30;

volatile std::sig_atomic_t asked_to_end = 0, asked_to_stop = 0;
void ask_to_end(int /*signal*/) { asked_to_end = 1; }
void ask_to_stop(int /*signal*/) { asked_to_stop = 1; }
void wake(int /*signal*/) {}  // a changed size ends the wait

void on(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  sigaction(signal, &action, nullptr);
}

void write_all(std::string_view text) {
  while (!text.empty()) {
    const auto count = write(STDOUT_FILENO, text.data(), text.size());
    if (count < 0 && errno != EINTR) return;
    if (count > 0) text.remove_prefix(static_cast<size_t>(count));
  }
}

// The terminal's other screen, where keys come at once and are not shown. The destructor restores
// the terminal.
class Screen {
 public:
  Screen() {
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) on(signal, ask_to_end);
    on(SIGTSTP, ask_to_stop);
    on(SIGWINCH, wake);
    enter();
  }
  ~Screen() { leave(); }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // Erases before it writes: behind a line's last column a terminal would erase that column.
  void draw(const std::vector<std::string>& lines) {
    std::string all = "\x1b[H";
    for (size_t i = 0; i < lines.size(); ++i) {
      const bool last = i + 1 == lines.size();
      all += (last ? "\x1b[J" : "\x1b[K") + lines[i] + (last ? "" : "\r\n");
    }
    write_all(all);
  }

  // The key that is pressed within `wait` milliseconds; 0 for none, 'q' where there is no keyboard
  // any more.
  char key(int wait) {
    pollfd keyboard = {STDIN_FILENO, POLLIN, 0};
    if (poll(&keyboard, keys_ ? 1 : 0, wait) <= 0) return 0;
    char pressed = 0;
    const auto count = read(STDIN_FILENO, &pressed, 1);
    if (count < 0 && errno == EINTR) return 0;
    return count == 1 ? pressed : 'q';
  }

  // Stops the program, as Ctrl-Z does, with the terminal as it was; returns once it goes on.
  void stop() {
    leave();
    on(SIGTSTP, SIG_DFL);
    std::raise(SIGTSTP);
    asked_to_stop = 0;
    on(SIGTSTP, ask_to_stop);
    enter();
  }

 private:
  void enter() {
    keys_ = tcgetattr(STDIN_FILENO, &before_) == 0;
    if (keys_) {
      termios now = before_;
      now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
      now.c_cc[VMIN] = 0;
      now.c_cc[VTIME] = 0;
      tcsetattr(STDIN_FILENO, TCSANOW, &now);
    }
    write_all("\x1b[?1049h\x1b[?25l");
  }
  void leave() {
    write_all("\x1b[?25h\x1b[?1049l");
    if (keys_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }

  bool keys_ = false;
  termios before_ = {};
};

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void take_size(const commands::Watch& given, bool terminal, FrameOptions& options) {
  winsize size = {};
  const bool known = terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  options.width = given.width > 0 ? given.width : known ? size.ws_col : kUsualWidth;
  options.height = given.height > 0 ? given.height : known ? size.ws_row : kUsualHeight;
}

// Whether the terminal has what a screen needs.
bool has_screen() {
  const char* kind = std::getenv("TERM");
  return kind && *kind && std::string_view(kind) != "dumb";
}

// Reads on in the first log that has more; whether some have more even then.
bool read_a_part(std::vector<LogReader>& readers) {
  for (auto& reader : readers) {
    reader.update_briefly();
    if (reader.is_behind()) return true;
  }
  return false;
}

std::string progress_of(const std::vector<LogReader>& readers) {
  double size = 0, done = 0;
  for (const auto& reader : readers) {
    std::error_code none;
    const auto bytes = std::filesystem::file_size(reader.file(), none);
    if (!none) size += static_cast<double>(bytes);
    done += static_cast<double>(reader.bytes_read());
  }
  return fmt::format("reading {:.0f} %", std::floor(100 * done / std::max(size, 1.0)));
}

}  // namespace

int commands::watch(const Watch& given) {
  std::vector<LogReader> readers;
  std::vector<WatchedRun> runs;
  for (const auto& run : given.runs) {
    if (!std::filesystem::exists(run))
      throw luxtorch::ArgumentError(
          "watch", "expected a run's folder, with the log.jsonl that lux::JsonLines writes, got " +
                       run + ", which does not exist");
    readers.emplace_back(run);
  }
  for (auto& reader : readers) runs.push_back({reader.name(), &reader.log()});

  const bool terminal = isatty(STDOUT_FILENO) != 0;
  FrameOptions options;
  options.unicode = luxtorch::detail::locale_is_utf8();
  options.color = luxtorch::detail::color_is_wanted(terminal);
  options.log_y = given.logarithmic;
  auto frame = [&] {
    options.now = now();
    take_size(given, terminal, options);
    return watch_frame(runs, options);
  };
  if (given.once || !terminal || !has_screen()) {
    for (auto& reader : readers) reader.update();
    for (const auto& line : frame()) fmt::print("{}\n", line);
    return 0;
  }
  options.keys = true;
  Screen screen;
  while (asked_to_end == 0) {
    if (asked_to_stop != 0) screen.stop();
    const bool behind = read_a_part(readers);
    screen.draw(behind ? std::vector{progress_of(readers)} : frame());
    const char key = screen.key(behind ? 0 : kBetweenFrames);
    if (key == 'q' || key == 'Q') break;
    if (key == 'l' || key == 'L') options.log_y = !options.log_y;
  }
  return 0;
}
