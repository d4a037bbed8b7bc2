#include "distributed/meeting.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <thread>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>

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

DistributedError no_answer_of_root(int64_t size, milliseconds timeout, const std::string& error) {
  return {fmt::format("rank 0 of {} expected to answer within {} s, and did not. Was it killed? "
                      "See its own output. ({})",
                      size, seconds(timeout), first_line(error)),
          0};
}

// A store that the launcher serves outlives the processes, and what they wrote in an earlier life is still in it. The
// launcher's count of restarts does not tell lives apart: on two machines it may differ. So rank 0 names each life, and
// tells the name to each process that asks with a word of its own.
std::string new_word() {
  std::random_device draw;
  return fmt::format("{:08x}{:08x}", draw(), draw());
}

std::string hello_key(int64_t rank) { return fmt::format("luxtorch/hello/{}", rank); }

std::string welcome_key(int64_t rank, const std::string& word) {
  return fmt::format("luxtorch/welcome/{}/{}", rank, word);
}

std::string ask_for_life(c10d::Store& whole, const Launch& launch, milliseconds timeout) {
  try {
    const std::string word = new_word();
    whole.set(hello_key(launch.rank), bytes(word));
    whole.wait({welcome_key(launch.rank, word)}, timeout);
    return text(whole, welcome_key(launch.rank, word));
  } catch (const std::exception& error) {
    throw no_answer_of_root(launch.size, timeout, error.what());
  }
}

void tell_life(c10d::Store& whole, int64_t rank, const std::string& life) {
  if (whole.check({hello_key(rank)}))
    whole.set(welcome_key(rank, text(whole, hello_key(rank))), bytes(life));
}

}  // namespace

Meeting::Meeting(const Launch& launch, milliseconds start_timeout)
    : impl_(std::make_unique<Impl>()), rank_(launch.rank), size_(launch.size) {
  auto whole = connect(launch, start_timeout);
  impl_->root_serves = launch.at.file.empty() && !launch.at.served;
  std::string prefix = launch.prefix;
  if (launch.at.served) {
    impl_->whole = whole;
    impl_->life = rank_ == 0 ? new_word() : ask_for_life(*whole, launch, start_timeout);
    prefix = "luxtorch/life/" + impl_->life;
  }
  impl_->store = c10::make_intrusive<c10d::PrefixStore>(prefix, std::move(whole));
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
          // In the first agreement the others ask for the life.
          while (impl_->whole && impl_->agreements == 1 && !store.check({key}) &&
                 Clock::now() < end) {
            tell_life(*impl_->whole, r, impl_->life);
            std::this_thread::sleep_for(milliseconds(20));
          }
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
    throw no_answer_of_root(size_, timeout, error.what());
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
    if (impl_->root_serves) missing = "0", first = 0;
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
    const std::string same = fmt::format("{}\n", number);
    store.set(fmt::format("waits/{}", rank_), bytes(same + what));
    for (int64_t r : {int64_t{0}, rank_ - 1, rank_ + 1}) {
      if (r < 0 || r >= size_ || r == rank_) continue;
      const std::string key = fmt::format("waits/{}", r);
      const std::string word = store.check({key}) ? text(store, key) : "";
      if (!word.starts_with(same) || word == same + what) continue;
      const std::string text = fmt::format(
          "expected the same calls on all processes, but rank {} waits in {}, and rank {} in {}. "
          "Have they different numbers of batches, or options?",
          rank_, what, r, word.substr(same.size()));
      store.set("mismatch", bytes(text));  // for those that only see that this process leaves
      return DistributedError(text, r);
    }
  } catch (const std::exception&) {  // the call itself will say what is wrong
  }
  return {};
}

void Meeting::end_wait() {
  if (!std::exchange(impl_->waits, false)) return;
  try {
    impl_->store->set(fmt::format("waits/{}", rank_), bytes("0\n"));
  } catch (const std::exception&) {  // the next call will say what is wrong
  }
}

}  // namespace luxtorch::distributed
