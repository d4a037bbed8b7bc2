#include "processors.h"

#include <hwy/base.h>
#include <hwy/cache_control.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace bench {

namespace {

constexpr int kLeastRuns = 10;

std::vector<int> allowed() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> found;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &set)) found.push_back(cpu);
  }
  return found;
}

void stay_on(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
}

int64_t now_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

// Threads leave meet() together. They do not sleep meanwhile, since to wake up takes as long as a run.
class MeetingPoint {
 public:
  explicit MeetingPoint(int threads) : threads_(threads) {}

  void meet() {
    const int round = round_.load();
    if (arrived_.fetch_add(1) + 1 == threads_) {
      arrived_.store(0);
      round_.store(round + 1);
    } else {
      while (round_.load() == round) hwy::Pause();
    }
  }

 private:
  const int threads_;
  std::atomic<int> arrived_{0}, round_{0};
};

std::string line_of(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

int64_t bytes_of(const std::string& size) {  // "32768K"
  if (size.empty()) return 0;
  const int64_t unit = size.back() == 'K' ? 1 << 10 : size.back() == 'M' ? 1 << 20 : 1;
  return std::strtoll(size.c_str(), nullptr, 10) * unit;
}

}  // namespace

int processors() { return std::max(1, static_cast<int>(allowed().size())); }

int64_t last_level_cache_bytes() {
  std::map<std::string, int64_t> caches;  // by the processors that share one
  for (const int cpu : allowed()) {
    int level = 0;
    std::string shared;
    int64_t bytes = 0;
    for (int index = 0; index < 8; ++index) {
      const auto folder = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/cache/index" +
                          std::to_string(index) + "/";
      const auto its_level = std::atoi(line_of(folder + "level").c_str());
      if (its_level <= level) continue;
      level = its_level;
      shared = line_of(folder + "shared_cpu_list");
      bytes = bytes_of(line_of(folder + "size"));
    }
    if (level > 0) caches[shared] = bytes;
  }
  int64_t sum = 0;
  for (const auto& [shared, bytes] : caches) sum += bytes;
  return sum;
}

int64_t shortest_ns(int threads, double seconds, const Part& prepare, const Part& work) {
  const auto cpus = allowed();
  const auto count = static_cast<size_t>(threads);
  std::vector<int64_t> begins(count), ends(count);
  MeetingPoint point(threads);
  std::atomic<bool> more{true};
  int64_t shortest = std::numeric_limits<int64_t>::max();

  auto run = [&](int thread) {
    const auto own = static_cast<size_t>(thread);
    if (!cpus.empty()) stay_on(cpus[own % cpus.size()]);
    prepare(thread);
    int64_t until = 0;
    for (int runs = 1; more.load(); ++runs) {
      point.meet();
      begins[own] = now_ns();
      work(thread);
      ends[own] = now_ns();
      point.meet();
      if (thread == 0) {
        const auto begin = *std::min_element(begins.begin(), begins.end());
        const auto end = *std::max_element(ends.begin(), ends.end());
        shortest = std::min(shortest, end - begin);
        if (until == 0) until = begin + static_cast<int64_t>(seconds * 1e9);
        more.store(runs < kLeastRuns || end < until);
      }
      point.meet();
    }
  };
  std::vector<std::thread> team;
  for (int thread = 0; thread < threads; ++thread) team.emplace_back(run, thread);
  for (auto& thread : team) thread.join();
  return shortest;
}

}  // namespace bench
