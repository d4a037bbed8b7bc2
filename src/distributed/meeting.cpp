#include "distributed/meeting.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "distributed/meeting_store.h"

namespace luxtorch::distributed {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

double seconds(milliseconds time) { return static_cast<double>(time.count()) / 1000; }

std::vector<uint8_t> bytes(const std::string& text) { return {text.begin(), text.end()}; }

std::string text(c10d::Store& store, const std::string& key) {
  const auto value = store.get(key);
  return {value.begin(), value.end()};
}

// torch's messages go on with a stack of C++ frames.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

c10::intrusive_ptr<c10d::Store> connect(const Launch& launch, milliseconds timeout) {
  const MeetingPlace& at = launch.at;
  const bool serves = at.file.empty() && !at.served && launch.rank == 0;
  try {
    if (!at.file.empty())
      return c10::make_intrusive<c10d::FileStore>(at.file, static_cast<int>(launch.size));
    c10d::TCPStoreOptions options;
    options.port = at.port;
    options.isServer = serves;
    options.waitWorkers = false;
    options.timeout = timeout;
    return c10::make_intrusive<c10d::TCPStore>(at.host, options);
  } catch (const std::exception& error) {
    const std::string place =
        at.file.empty() ? fmt::format("{}:{}", at.host, at.port) : "file://" + at.file;
    const std::string what =
        serves
            ? fmt::format(
                  "expected to serve the meeting place {} as rank 0, and could not. Is the "
                  "port in use, by an earlier run for example? Choose another MASTER_PORT.",
                  place)
            : fmt::format("expected rank 0 of {} at {} within {} s, got no answer. Has it started?",
                          launch.size, place, seconds(timeout));
    throw ArgumentError("distributed.init", what + " (" + first_line(error.what()) + ")");
  }
}

}  // namespace

Meeting::Meeting(const Launch& launch, milliseconds start_timeout)
    : impl_(std::make_unique<Impl>()), rank_(launch.rank), size_(launch.size) {
  impl_->store =
      c10::make_intrusive<c10d::PrefixStore>(launch.prefix, connect(launch, start_timeout));
}

Meeting::Meeting(const Meeting& whole, const std::string& name, int64_t rank, int64_t size)
    : impl_(std::make_unique<Impl>()), rank_(rank), size_(size) {
  impl_->store = c10::make_intrusive<c10d::PrefixStore>(name, whole.impl_->store);
}

Meeting::~Meeting() = default;

std::string Meeting::judge(
    const std::string& own,
    const std::function<std::string(const std::vector<std::string>&)>& verdict,
    milliseconds timeout) {
  auto& store = *impl_->store;
  const std::string base = fmt::format("agree/{}/", impl_->agreements++);
  const auto end = Clock::now() + timeout;
  // The rank that has not come, or -1, and a line's end before the text.
  std::string word;
  try {
    if (rank_ == 0) {
      std::vector<std::string> texts{own};
      int64_t missing = -1;
      for (int64_t r = 1; r < size_ && missing < 0; ++r) {
        const std::string key = base + std::to_string(r);
        try {
          store.wait({key}, std::max(milliseconds(1),
                                     std::chrono::duration_cast<milliseconds>(end - Clock::now())));
          texts.push_back(text(store, key));
        } catch (const std::exception&) {
          missing = r;
        }
      }
      word = missing < 0
                 ? "-1\n" + verdict(texts)
                 : fmt::format(
                       "{}\nexpected all {} processes within {} s, but rank {} has not come. "
                       "Has it started? See its own output.",
                       missing, size_, seconds(timeout), missing);
      store.set(base + "verdict", bytes(word));
    } else {
      store.set(base + std::to_string(rank_), bytes(own));
      store.wait({base + "verdict"}, timeout + milliseconds(5000));
      word = text(store, base + "verdict");
    }
  } catch (const std::exception& error) {
    throw DistributedError(
        fmt::format(
            "rank 0 of {} expected to answer within {} s, and did not. Was it killed? See its own "
            "output. ({})",
            size_, seconds(timeout), first_line(error.what())),
        0);
  }
  const size_t line = word.find('\n');
  const int64_t missing = std::stoll(word.substr(0, line));
  std::string text = word.substr(line + 1);
  if (!text.empty()) await_readers(base, {missing});
  if (missing >= 0) throw DistributedError(text, missing);
  return text;
}

void Meeting::fail(const std::string& reason) noexcept {
  try {
    impl_->store->setTimeout(milliseconds(2000));
    // The first reason stays.
    if (impl_->store->add("failures", 1) == 1)
      impl_->store->set("failed", bytes(fmt::format("{}\n{}", rank_, reason)));
  } catch (const std::exception&) {  // the others find out that this process is gone
  }
}

void Meeting::leave_last(const std::vector<int64_t>& silent) noexcept {
  await_readers("failed", silent);
}

void Meeting::await_readers(const std::string& reading,
                            const std::vector<int64_t>& silent) noexcept {
  const auto key = [&](int64_t rank) { return fmt::format("read/{}/{}", reading, rank); };
  try {
    if (rank_ != 0) return impl_->store->set(key(rank_), bytes("1"));
    std::vector<std::string> keys;
    for (int64_t r = 1; r < size_; ++r)
      if (std::find(silent.begin(), silent.end(), r) == silent.end()) keys.push_back(key(r));
    if (!keys.empty()) impl_->store->wait(keys, milliseconds(2000));
  } catch (const std::exception&) {  // another one has ended, or the store is gone
  }
}

DistributedError Meeting::explain(const std::string& what, const std::string& error) {
  std::vector<int64_t> silent;
  DistributedError found = look(what, error, silent);
  leave_last(silent);
  return found;
}

// silent: those that were not heard of.
DistributedError Meeting::look(const std::string& what, const std::string& error,
                               std::vector<int64_t>& silent) {
  auto& store = *impl_->store;
  const auto begin = Clock::now();
  std::string missing;
  int64_t first = -1;
  try {
    store.setTimeout(milliseconds(2000));
    store.set(fmt::format("saw/{}", rank_), bytes("1"));
    while (Clock::now() - begin < milliseconds(1000)) {
      if (store.check({"mismatch"})) return {text(store, "mismatch"), -1};
      if (store.check({"failed"})) {
        const std::string word = text(store, "failed");
        const size_t line = word.find('\n');
        const int64_t rank = std::stoll(word.substr(0, line));
        silent = {rank};
        return {fmt::format("rank {} of {} failed: {}", rank, size_, word.substr(line + 1)), rank};
      }
      std::this_thread::sleep_for(milliseconds(20));
    }
    constexpr int64_t kMany = 64;
    for (int64_t r = 0; r < std::min(size_, kMany); ++r) {
      if (r == rank_ || store.check({fmt::format("saw/{}", r)})) continue;
      missing += fmt::format("{}{}", missing.empty() ? "" : ", ", r);
      silent.push_back(r);
      if (first < 0) first = r;
    }
  } catch (const std::exception&) {  // the store is gone, and with it who served it
    missing = "0", first = 0;
  }
  const std::string who = missing.empty() ? fmt::format("another of {} processes", size_)
                                          : fmt::format("rank {} of {}", missing, size_);
  return {
      fmt::format(
          "{} ended or does not answer, while this process waited in {}. Was it killed, or had it "
          "fewer batches? See its own output. ({})",
          who, what, first_line(error)),
      first};
}

std::optional<DistributedError> Meeting::compare_waits(int64_t number, const std::string& what) {
  auto& store = *impl_->store;
  impl_->waits = true;
  try {
    store.set(fmt::format("waits/{}", rank_), bytes(fmt::format("{}\n{}", number, what)));
    for (int64_t r : {int64_t{0}, rank_ - 1, rank_ + 1}) {
      if (r < 0 || r >= size_ || r == rank_) continue;
      const std::string key = fmt::format("waits/{}", r);
      const std::string word = store.check({key}) ? text(store, key) : "";
      const std::string theirs = word.empty() ? "" : word.substr(word.find('\n') + 1);
      if (!theirs.empty() && theirs != what && impl_->waits_of[r] == word) {
        const std::string text = fmt::format(
            "expected the same calls on all processes, but rank {} waits in {}, and rank {} in {}. "
            "Have they different numbers of batches, or options?",
            rank_, what, r, theirs);
        store.set("mismatch", bytes(text));  // for those that only see that this process leaves
        return DistributedError(text, r);
      }
      impl_->waits_of[r] = word;
    }
  } catch (const std::exception&) {  // the call itself will say what is wrong
  }
  return {};
}

void Meeting::end_wait() {
  if (!std::exchange(impl_->waits, false)) return;
  impl_->waits_of.clear();
  try {
    impl_->store->set(fmt::format("waits/{}", rank_), bytes("0\n"));
  } catch (const std::exception&) {  // the next call will say what is wrong
  }
}

}  // namespace luxtorch::distributed
