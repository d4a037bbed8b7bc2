// luxtorch watch RUN...: how trainings go, from their logs alone.

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>

#include "commands.h"
#include "fit/terminal_text.h"
#include "log_reader.h"
#include "luxtorch/core/error.h"
#include "watch_frame.h"

namespace {

constexpr int kBetweenFrames = 1000;  // milliseconds
constexpr int kWidth = 100, kHeight = 30;

volatile std::sig_atomic_t asked_to_end = 0;
void ask_to_end(int /*signal*/) { asked_to_end = 1; }
void wake(int /*signal*/) {}  // a changed size ends the wait

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
    keys_ = tcgetattr(STDIN_FILENO, &before_) == 0;
    if (keys_) {
      termios now = before_;
      now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
      now.c_cc[VMIN] = 0;
      now.c_cc[VTIME] = 0;
      now.c_cc[VSUSP] = _POSIX_VDISABLE;  // a stopped program would leave its screen behind
      tcsetattr(STDIN_FILENO, TCSANOW, &now);
    }
    struct sigaction action = {};
    action.sa_handler = ask_to_end;
    for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
    action.sa_handler = wake;
    sigaction(SIGWINCH, &action, nullptr);
    write_all("\x1b[?1049h\x1b[?25l");
  }
  ~Screen() {
    write_all("\x1b[?25h\x1b[?1049l");
    if (keys_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  void draw(const std::vector<std::string>& lines) {
    std::string all = "\x1b[H";
    for (size_t i = 0; i < lines.size(); ++i)
      all += lines[i] + "\x1b[K" + (i + 1 < lines.size() ? "\r\n" : "");
    write_all(all + "\x1b[J");
  }

  // The key that is pressed before the next frame; 0 for none, 'q' where there is no keyboard any
  // more.
  char key() {
    pollfd keyboard = {STDIN_FILENO, POLLIN, 0};
    if (poll(&keyboard, keys_ ? 1 : 0, kBetweenFrames) <= 0) return 0;
    char pressed = 0;
    return read(STDIN_FILENO, &pressed, 1) == 1 ? pressed : 'q';
  }

 private:
  bool keys_ = false;
  termios before_ = {};
};

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void take_size(const commands::Watch& given, bool terminal, FrameOptions& options) {
  winsize size = {};
  const bool known = terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  options.width = given.width > 0 ? given.width : known ? size.ws_col : kWidth;
  options.height = given.height > 0 ? given.height : known ? size.ws_row : kHeight;
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
    for (auto& reader : readers) reader.update();
    options.now = now();
    take_size(given, terminal, options);
    return watch_frame(runs, options);
  };
  if (given.once || !terminal) {
    for (const auto& line : frame()) fmt::print("{}\n", line);
    return 0;
  }
  options.keys = true;
  Screen screen;
  while (asked_to_end == 0) {
    screen.draw(frame());
    const char key = screen.key();
    if (key == 'q' || key == 'Q') break;
    if (key == 'l' || key == 'L') options.log_y = !options.log_y;
  }
  return 0;
}
