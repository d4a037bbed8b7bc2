#include "distributed/thread_group.h"

#include <ATen/core/grad_mode.h>

#include <atomic>
#include <barrier>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include "group_backend.h"

namespace luxtorch::testing {

namespace {

using Verdict = std::function<std::string(const std::vector<std::string>&)>;

// What the threads share. Each call is: all put something in, all look at it, all leave.
struct Meeting {
  explicit Meeting(int64_t size)
      : tensors(static_cast<size_t>(size)), texts(static_cast<size_t>(size)), together(size) {}
  std::vector<Tensor> tensors;
  std::vector<std::string> texts;
  std::barrier<> together;
  std::atomic<int64_t> failed{-1};
};

class ThreadGroup : public detail::GroupBackend {
 public:
  ThreadGroup(std::shared_ptr<Meeting> meeting, int64_t rank)
      : meeting_(std::move(meeting)), rank_(rank) {}

  int64_t rank() const override { return rank_; }
  int64_t size() const override { return static_cast<int64_t>(meeting_->tensors.size()); }
  int64_t local_rank() const override { return rank_; }
  int64_t local_size() const override { return size(); }
  int64_t calls() const { return calls_; }

  void step_(const Tensor& t) override { all_reduce_(t, detail::Reduce::sum); }
  void all_reduce_(const Tensor& t, detail::Reduce how) override {
    const at::NoGradGuard no_grad;
    Tensor result;
    meet(t, [&] {
      for (const Tensor& each : meeting_->tensors) {
        check(t, each);
        if (!result.defined()) {
          result = each.clone();
        } else if (how == detail::Reduce::sum) {
          result.add_(each);
        } else {
          result = how == detail::Reduce::max ? result.maximum(each) : result.minimum(each);
        }
      }
    });
    t.copy_(result);
  }
  void broadcast_(const Tensor& t, int64_t root) override {
    Tensor result;
    meet(t, [&] {
      check(t, meeting_->tensors[static_cast<size_t>(root)]);
      result = meeting_->tensors[static_cast<size_t>(root)].clone();
    });
    t.copy_(result);
  }
  void all_gather(const Tensor& out, const Tensor& in) override {
    meet(in, [&] {
      const int64_t rows = in.size(0);
      for (int64_t r = 0; r < size(); ++r) {
        check(in, meeting_->tensors[static_cast<size_t>(r)]);
        out.narrow(0, r * rows, rows).copy_(meeting_->tensors[static_cast<size_t>(r)]);
      }
    });
  }
  void reduce_scatter(const Tensor& out, const Tensor& in) override {
    Tensor all = in.clone();
    all_reduce_(all, detail::Reduce::sum);
    out.copy_(all.narrow(0, rank_ * out.size(0), out.size(0)));
  }
  void barrier() override {
    meet({}, [] {});
  }
  std::shared_ptr<GroupBackend> split(int64_t) override { return nullptr; }
  void fail(const std::string&) override { meeting_->failed = rank_; }
  std::string judge(const std::string& text, const Verdict& verdict) override {
    std::string found;
    meeting_->texts[static_cast<size_t>(rank_)] = text;
    meet({}, [&] { found = verdict(meeting_->texts); });
    return found;
  }

 private:
  static void check(const Tensor& own, const Tensor& other) {
    if (own.sizes() != other.sizes() || own.scalar_type() != other.scalar_type())
      throw std::logic_error("other tensors in one call of a group");
  }
  template <class F>
  void meet(const Tensor& t, const F& look) {
    ++calls_;
    meeting_->tensors[static_cast<size_t>(rank_)] = t;
    arrive();
    look();
    arrive();
  }
  void arrive() {
    meeting_->together.arrive_and_wait();
    if (const int64_t rank = meeting_->failed; rank >= 0)
      throw DistributedError("another thread has failed", rank);
  }

  std::shared_ptr<Meeting> meeting_;
  int64_t rank_, calls_ = 0;
};

}  // namespace

void on_processes(int64_t size, const std::function<void(const Group& group)>& f) {
  auto meeting = std::make_shared<Meeting>(size);
  std::vector<std::exception_ptr> own(static_cast<size_t>(size)), others(own);
  std::vector<std::thread> threads;
  for (int64_t r = 0; r < size; ++r) {
    threads.emplace_back([&, r] {
      try {
        f(Group(std::make_shared<ThreadGroup>(meeting, r)));
      } catch (const DistributedError&) {
        others[static_cast<size_t>(r)] = std::current_exception();
      } catch (...) {
        own[static_cast<size_t>(r)] = std::current_exception();
      }
      if (own[static_cast<size_t>(r)] || others[static_cast<size_t>(r)])
        meeting->failed = meeting->failed >= 0 ? meeting->failed.load() : r;
      meeting->together.arrive_and_drop();
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto* list : {&own, &others})
    for (const auto& error : *list)
      if (error) std::rethrow_exception(error);
}

int64_t calls(const Group& group) {
  return dynamic_cast<const ThreadGroup&>(*group.backend()).calls();
}

}  // namespace luxtorch::testing
