// For LD_PRELOAD: the process kills itself by SIGKILL right before the call number LUXTORCH_KILL_AT (1 is the first)
// of the functions that change files: mkdir, open for writing, write, pwrite, fsync, rename, renameat2, unlink, rmdir.
// A test that kills on such an event hits the same place on every machine, however fast it is.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace {

// The standard streams do not count: what a program prints is no change of its files.
bool is_stream(int descriptor) { return descriptor <= STDERR_FILENO; }

void count() {
  static const long last = [] {
    const char* text = std::getenv("LUXTORCH_KILL_AT");
    return text == nullptr ? 0 : std::atol(text);
  }();
  static std::atomic<long> calls{0};
  if (++calls == last) ::kill(::getpid(), SIGKILL);
}

template <class F>
F* next(F*, const char* name) {
  return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

#define LUXTORCH_COUNTED(condition, name, ...)    \
  static auto* const real = next(&::name, #name); \
  if (condition) count();                         \
  return real(__VA_ARGS__)

extern "C" {

int mkdir(const char* path, mode_t mode) noexcept { LUXTORCH_COUNTED(true, mkdir, path, mode); }
int fsync(int fd) { LUXTORCH_COUNTED(true, fsync, fd); }
int unlink(const char* path) noexcept { LUXTORCH_COUNTED(true, unlink, path); }
int rmdir(const char* path) noexcept { LUXTORCH_COUNTED(true, rmdir, path); }
int rename(const char* from, const char* to) noexcept { LUXTORCH_COUNTED(true, rename, from, to); }
int renameat2(int from_folder, const char* from, int to_folder, const char* to,
              unsigned flags) noexcept {
  LUXTORCH_COUNTED(true, renameat2, from_folder, from, to_folder, to, flags);
}
ssize_t write(int fd, const void* bytes, size_t size) {
  LUXTORCH_COUNTED(!is_stream(fd), write, fd, bytes, size);
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  LUXTORCH_COUNTED(!is_stream(fd), pwrite, fd, bytes, size, at);
}
int open(const char* path, int flags, ...) {
  std::va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  LUXTORCH_COUNTED((flags & O_ACCMODE) != O_RDONLY, open, path, flags, mode);
}

}  // extern "C"

#undef LUXTORCH_COUNTED
