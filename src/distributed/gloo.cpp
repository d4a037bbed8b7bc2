#include "distributed/gloo.h"

#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <optional>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <utility>

#include "distributed/address.h"
#include "distributed/meeting_store.h"
#include "distributed/reduce_op.h"
#include "text.h"

namespace luxtorch::distributed {

namespace {

using std::chrono::milliseconds;
using Gloo = c10d::ProcessGroupGloo;
using Work = c10::intrusive_ptr<c10d::Work>;

c10::intrusive_ptr<Gloo> connect(const Launch& launch, Meeting& meeting, const std::string& name,
                                 milliseconds timeout) {
  auto options = Gloo::Options::create(timeout);
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  const std::string address =
      launch.at.file.empty() ? address_towards(launch.at.host, launch.at.port) : std::string();
  if (interface && *interface) {
    options->devices = {Gloo::createDeviceForInterface(interface)};
  } else if (!address.empty()) {
    options->devices = {Gloo::createDeviceForHostname(address)};
  } else {
    options->devices = {Gloo::createDefaultDevice()};
  }
  return c10::make_intrusive<Gloo>(
      c10::make_intrusive<c10d::PrefixStore>(name, meeting.impl().store),
      static_cast<int>(meeting.rank()), static_cast<int>(meeting.size()), options);
}

class GlooGroup : public GlooBackend {
 public:
  GlooGroup(Launch launch, std::shared_ptr<Meeting> meeting, const Calls& calls)
      : launch_(std::move(launch)),
        meeting_(std::move(meeting)),
        timeout_(calls.timeout),
        check_(calls.check) {
    try {
      steps_ = connect(launch_, *meeting_, "steps", timeout_);
      others_ = connect(launch_, *meeting_, "others", timeout_);
    } catch (const std::exception& error) {
      throw meeting_->explain("init", error.what());
    }
  }

  int64_t rank() const override { return meeting_->rank(); }
  int64_t size() const override { return meeting_->size(); }
  int64_t local_rank() const override { return launch_.local_rank; }
  int64_t local_size() const override { return launch_.local_size; }

  Meeting& meeting() const override { return *meeting_; }
  void expect_whole() const override {
    if (broken_) throw *broken_;
  }
  void end_by(DistributedError error) override { break_off(std::move(error)); }
  void expect_same_call(const std::string& what, const Tensor& t) override { same_call(what, t); }

  void step_(const Tensor& t) override {
    if (check_) same_call("a training step", t);
    on_cpu(t, [&](Tensor& cpu) {
      run("a training step", [&] {
        std::vector<Tensor> all{cpu};
        return steps_->allreduce(all);
      });
    });
  }

  void all_reduce_(const Tensor& t, detail::Reduce how) override {
    const std::string what = all_reduce_text(how);
    same_call(what, t);
    on_cpu(t, [&](Tensor& cpu) {
      run(what, [&] {
        std::vector<Tensor> all{cpu};
        c10d::AllreduceOptions options;
        options.reduceOp = operation(how);
        return others_->allreduce(all, options);
      });
    });
  }

  void broadcast_(const Tensor& t, int64_t root) override {
    const std::string what = fmt::format("broadcast from rank {}", root);
    same_call(what, t);
    on_cpu(t, [&](Tensor& cpu) {
      run(what, [&] {
        std::vector<Tensor> all{cpu};
        c10d::BroadcastOptions options;
        options.rootRank = root;
        return others_->broadcast(all, options);
      });
    });
  }

  void all_gather(const Tensor& out, const Tensor& in) override {
    same_call("all_gather", in);
    on_cpu(out, [&](Tensor& cpu) {
      Tensor own = in.cpu();
      run("all_gather", [&] { return others_->_allgather_base(cpu, own); });
    });
  }

  void reduce_scatter(const Tensor& out, const Tensor& in) override {
    same_call("reduce_scatter", in);
    on_cpu(out, [&](Tensor& cpu) {
      Tensor own = in.cpu();
      run("reduce_scatter", [&] { return others_->_reduce_scatter_base(cpu, own); });
    });
  }

  void barrier() override { same_call("barrier", {}); }

  std::shared_ptr<GroupBackend> split(int64_t color) override { return split_on_gloo(color); }

  std::shared_ptr<GlooBackend> split_on_gloo(int64_t color) override {
    // By rank: the colors of all.
    Tensor own = at::tensor({color}, at::TensorOptions().dtype(kInt64));
    Tensor colors = at::zeros({size()}, own.options());
    all_gather(colors, own);
    const auto* all = colors.const_data_ptr<int64_t>();
    int64_t number = 0, members = 0;
    for (int64_t r = 0; r < size(); ++r) {
      if (all[r] != color) continue;
      if (r < rank()) ++number;
      ++members;
    }
    const std::string name = fmt::format("split/{}/{}", splits_++, color);
    Launch launch = launch_;
    launch.rank = number, launch.size = members;
    auto meeting = std::make_shared<Meeting>(*meeting_, name, number, members);
    if (members == 1) return nullptr;
    return std::make_shared<GlooGroup>(std::move(launch), std::move(meeting),
                                       Calls{timeout_, check_});
  }

  void fail(const std::string& reason) override {
    if (broken_) return;
    meeting_->fail(reason);
    break_off(DistributedError(
        fmt::format("rank {} of {}, this process, failed: {}", rank(), size(), reason), rank()));
    meeting_->leave_last();
  }

  std::string judge(
      const std::string& text,
      const std::function<std::string(const std::vector<std::string>&)>& verdict) override {
    same_call("an agreement", {});  // notices at once where another process has ended
    return meeting_->judge(text, verdict, timeout_);
  }

 private:
  void break_off(DistributedError error) {
    broken_ = std::move(error);
    disconnect();
  }

  // The others' sockets close. A call that is still under way keeps its memory: Gloo may write to it.
  void disconnect() {
    if (under_way_) {
      static auto* kept = new std::vector<std::pair<c10::intrusive_ptr<Gloo>, Work>>();
      kept->emplace_back(steps_, under_way_), kept->emplace_back(others_, under_way_);
    }
    steps_.reset(), others_.reset(), under_way_.reset();
  }

  template <class Start>
  void run(const std::string& what, const Start& start) {
    if (broken_) throw *broken_;
    ++calls_;
    try {
      under_way_ = start();
      wait(what);
      under_way_.reset();
    } catch (const DistributedError& error) {
      break_off(error);
      meeting_->leave_last();
      throw;
    } catch (const std::exception& error) {
      if (under_way_ && under_way_->isCompleted()) under_way_.reset();
      disconnect();  // those that do not wait for the process that has ended notice it too
      broken_ = meeting_->explain(what, error.what());
      throw *broken_;
    }
  }

  // A look at what the others do, each second.
  void wait(const std::string& what) {
    const auto end = std::chrono::steady_clock::now() + timeout_;
    for (;;) {
      try {
        under_way_->wait(std::min(timeout_, milliseconds(1000)));
        meeting_->end_wait();
        return;
      } catch (const std::exception&) {
        if (under_way_->isCompleted() || std::chrono::steady_clock::now() >= end) throw;
      }
      if (auto error = meeting_->compare_waits(calls_, what)) throw std::move(*error);
    }
  }

  // Gloo ends the process where sizes differ: what is called is compared before, in a message of one size.
  void same_call(const std::string& what, const Tensor& t) {
    const std::string text = t.defined()
                                 ? fmt::format("{} of a {} tensor of shape {}", what,
                                               dtype_text(t.scalar_type()), shape_text(t.sizes()))
                                 : what;
    const auto hash = static_cast<int64_t>(std::hash<std::string>()(text) >> 2);
    Tensor both = at::tensor({hash, -hash}, at::TensorOptions().dtype(kInt64));
    run(what, [&] {
      std::vector<Tensor> all{both};
      c10d::AllreduceOptions options;
      options.reduceOp = c10d::ReduceOp::MAX;
      return others_->allreduce(all, options);
    });
    const auto* found = both.const_data_ptr<int64_t>();
    if (found[0] == -found[1]) return;
    const std::string verdict = judge(text, [](const std::vector<std::string>& texts) {
      if (const size_t r = detail::first_other(texts))
        return fmt::format(
            "expected the same calls on all processes, got {} on rank 0 and {} on rank {}.",
            texts[0], texts[r], r);
      return std::string("expected the same calls on all processes.");
    });
    break_off(DistributedError(verdict, -1));
    throw *broken_;
  }

  template <class F>
  static void on_cpu(const Tensor& t, const F& f) {
    Tensor cpu = t.cpu();
    f(cpu);
    if (!t.is_cpu()) t.copy_(cpu);
  }

  Launch launch_;
  std::shared_ptr<Meeting> meeting_;
  milliseconds timeout_;
  bool check_;
  c10::intrusive_ptr<Gloo> steps_, others_;
  Work under_way_;
  std::optional<DistributedError> broken_;
  int64_t calls_ = 0, splits_ = 0;
};

}  // namespace

std::string all_reduce_text(detail::Reduce how) {
  switch (how) {
    case detail::Reduce::sum:
      return "all_reduce (sum)";
    case detail::Reduce::max:
      return "all_reduce (max)";
    case detail::Reduce::min:
      return "all_reduce (min)";
  }
  return "all_reduce";
}

std::shared_ptr<GlooBackend> gloo(const Launch& launch, std::shared_ptr<Meeting> meeting,
                                  const Calls& calls) {
  return std::make_shared<GlooGroup>(launch, std::move(meeting), calls);
}

}  // namespace luxtorch::distributed
