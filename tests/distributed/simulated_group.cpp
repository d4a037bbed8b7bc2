#include "distributed/simulated_group.h"

#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <fmt/format.h>

#include <condition_variable>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "group_backend.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/core/values.h"

namespace luxtorch::testing {

namespace {

using detail::GroupBackend, detail::Reduce;

class Hub;

// What a member hands in, and what all get.
struct Message {
  std::string call;  // the same for all
  Tensor tensor;
  std::string text;
};
struct Answer {
  Tensor tensor;
  std::string text;
  std::map<int64_t, std::shared_ptr<Hub>> parts;  // by color
};

// Where the members of a group meet.
class Hub {
 public:
  explicit Hub(int64_t size) : messages_(static_cast<size_t>(size)) {}

  int64_t size() const { return static_cast<int64_t>(messages_.size()); }

  // Waits for the messages of all members; the last one combines them, by rank.
  Answer meet(int64_t rank, Message message,
              const std::function<Answer(const std::vector<Message>&)>& combine) {
    std::unique_lock lock(mutex_);
    if (error_) throw *error_;
    messages_[static_cast<size_t>(rank)] = std::move(message);
    if (++arrived_ < size()) {
      const int64_t round = round_;
      came_.wait(lock, [&] { return round_ != round || error_; });
      if (round_ == round) throw *error_;
      return answer_;
    }
    for (const Message& m : messages_) {
      if (m.call == messages_[0].call) continue;
      leave_(DistributedError(fmt::format("expected the same calls, got {} on rank 0 and {} on "
                                          "rank {}.",
                                          messages_[0].call, m.call, &m - messages_.data()),
                              -1));
      throw *error_;
    }
    answer_ = combine(messages_);
    arrived_ = 0, ++round_;
    came_.notify_all();
    return answer_;
  }

  void fail(DistributedError error) {
    const std::lock_guard lock(mutex_);
    if (!error_) leave_(std::move(error));
  }

 private:
  void leave_(DistributedError error) {
    error_ = std::move(error);
    came_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<Message> messages_;
  int64_t arrived_ = 0, round_ = 0;
  Answer answer_;
  std::optional<DistributedError> error_;
};

std::string described(const std::string& call, const Tensor& t) {
  return fmt::format("{} of {} elements of dtype {}", call, t.numel(),
                     static_cast<int>(t.scalar_type()));
}

Tensor reduced(const std::vector<Message>& all, Reduce how) {
  Tensor result = all[0].tensor.clone();
  for (size_t r = 1; r < all.size(); ++r) {
    const Tensor& t = all[r].tensor;
    result = how == Reduce::sum   ? result + t
             : how == Reduce::max ? at::maximum(result, t)
                                  : at::minimum(result, t);
  }
  return result;
}

class Member : public GroupBackend {
 public:
  Member(std::shared_ptr<Hub> hub, int64_t rank) : hub_(std::move(hub)), rank_(rank) {}

  int64_t rank() const override { return rank_; }
  int64_t size() const override { return hub_->size(); }
  int64_t local_rank() const override { return rank_; }
  int64_t local_size() const override { return hub_->size(); }
  int64_t calls() const { return calls_; }

  void step_(const Tensor& t) override { reduce("a training step", t, Reduce::sum); }
  void all_reduce_(const Tensor& t, Reduce how) override {
    reduce(fmt::format("all_reduce {}", static_cast<int>(how)), t, how);
  }
  void broadcast_(const Tensor& t, int64_t root) override {
    const Answer all =
        meet(described(fmt::format("broadcast from {}", root), t), t,
             [&](const std::vector<Message>& messages) {
               return Answer{messages[static_cast<size_t>(root)].tensor.clone(), {}, {}};
             });
    t.detach().copy_(all.tensor);
  }
  void all_gather(const Tensor& out, const Tensor& in) override {
    const Answer all =
        meet(described("all_gather", in), in, [](const std::vector<Message>& messages) {
          std::vector<Tensor> parts;
          for (const Message& m : messages) parts.push_back(m.tensor);
          return Answer{at::cat(parts), {}, {}};
        });
    out.copy_(all.tensor);
  }
  void reduce_scatter(const Tensor& out, const Tensor& in) override {
    const Answer all =
        meet(described("reduce_scatter", in), in, [](const std::vector<Message>& messages) {
          return Answer{reduced(messages, Reduce::sum), {}, {}};
        });
    out.copy_(all.tensor.narrow(0, rank_ * out.size(0), out.size(0)));
  }
  void barrier() override {
    meet("barrier", {}, [](const std::vector<Message>&) { return Answer{}; });
  }

  std::shared_ptr<GroupBackend> split(int64_t color) override {
    // Each color's hub, and how many of its members have a lower rank.
    const Answer all = meet("split", tensor({color}), [](const std::vector<Message>& messages) {
      std::vector<Tensor> colors;
      std::map<int64_t, int64_t> sizes;
      for (const Message& m : messages) {
        colors.push_back(m.tensor);
        ++sizes[m.tensor.item<int64_t>()];
      }
      Answer answer{at::cat(colors), {}, {}};
      for (const auto& [c, n] : sizes) answer.parts[c] = std::make_shared<Hub>(n);
      return answer;
    });
    const int64_t before = all.tensor.narrow(0, 0, rank_).eq(color).sum().item<int64_t>();
    const auto& hub = all.parts.at(color);
    return hub->size() == 1 ? nullptr : std::make_shared<Member>(hub, before);
  }

  void fail(const std::string& reason) override {
    hub_->fail(
        DistributedError(fmt::format("rank {} of {} failed: {}", rank_, size(), reason), rank_));
  }

  std::string judge(
      const std::string& text,
      const std::function<std::string(const std::vector<std::string>&)>& verdict) override {
    ++calls_;
    return hub_
        ->meet(rank_, {"judge", {}, text},
               [&](const std::vector<Message>& messages) {
                 std::vector<std::string> texts;
                 for (const Message& m : messages) texts.push_back(m.text);
                 return Answer{{}, verdict(texts), {}};
               })
        .text;
  }

 private:
  template <class F>
  Answer meet(const std::string& call, const Tensor& t, const F& combine) {
    ++calls_;
    // Later changes of t by its own thread must not reach the others.
    return hub_->meet(rank_, {call, t.defined() ? t.detach().clone() : t, {}}, combine);
  }
  void reduce(const std::string& call, const Tensor& t, Reduce how) {
    const Answer all = meet(described(call, t), t, [&](const std::vector<Message>& messages) {
      return Answer{reduced(messages, how), {}, {}};
    });
    t.detach().copy_(all.tensor);
  }

  std::shared_ptr<Hub> hub_;
  int64_t rank_, calls_ = 0;
};

}  // namespace

void simulate(int64_t size, const std::function<void(const Group& group)>& f) {
  auto hub = std::make_shared<Hub>(size);
  std::vector<std::exception_ptr> own(static_cast<size_t>(size)), others(own.size());
  const int threads = at::get_num_threads();
  std::vector<std::thread> members;
  for (int64_t rank = 0; rank < size; ++rank) {
    members.emplace_back([&, rank] {
      at::set_num_threads(1);
      const auto backend = std::make_shared<Member>(hub, rank);
      try {
        f(Group(backend));
      } catch (const DistributedError&) {
        others[static_cast<size_t>(rank)] = std::current_exception();
      } catch (const std::exception& error) {
        own[static_cast<size_t>(rank)] = std::current_exception();
        backend->fail(error.what());
      }
    });
  }
  for (std::thread& member : members) member.join();
  at::set_num_threads(threads);
  for (const auto& errors : {own, others})
    for (const auto& error : errors)
      if (error) std::rethrow_exception(error);
}

int64_t calls(const Group& group) { return dynamic_cast<const Member&>(*group.backend()).calls(); }

namespace {

class SilentMember : public GroupBackend {
 public:
  SilentMember(int64_t rank, int64_t size) : rank_(rank), size_(size) {}

  int64_t rank() const override { return rank_; }
  int64_t size() const override { return size_; }
  int64_t local_rank() const override { return rank_; }
  int64_t local_size() const override { return size_; }
  void step_(const Tensor&) override { refuse(); }
  void all_reduce_(const Tensor&, Reduce) override { refuse(); }
  void broadcast_(const Tensor&, int64_t) override { refuse(); }
  void all_gather(const Tensor&, const Tensor&) override { refuse(); }
  void reduce_scatter(const Tensor&, const Tensor&) override { refuse(); }
  void barrier() override { refuse(); }
  std::shared_ptr<GroupBackend> split(int64_t) override { refuse(); }
  void fail(const std::string&) override { refuse(); }
  std::string judge(const std::string&,
                    const std::function<std::string(const std::vector<std::string>&)>&) override {
    refuse();
  }

 private:
  [[noreturn]] static void refuse() { throw std::logic_error("a silent member sends nothing"); }

  int64_t rank_, size_;
};

}  // namespace

Group silent_member(int64_t rank, int64_t size) {
  return Group(std::make_shared<SilentMember>(rank, size));
}

}  // namespace luxtorch::testing
