#include "distributed/nccl.h"

#include <ATen/DeviceAccelerator.h>
#include <fmt/format.h>

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#include <utility>

#include "distributed/meeting_store.h"
#include "distributed/reduce_op.h"
#include "luxtorch/core/error.h"

namespace luxtorch::distributed {

namespace {

using Nccl = c10d::ProcessGroupNCCL;

// How many GPUs this process sees.
int64_t gpus() {
  const auto kind = at::accelerator::getAccelerator();
  return kind == at::kCUDA ? at::accelerator::deviceCount() : 0;
}

class NcclGroup : public detail::GroupBackend {
 public:
  NcclGroup(std::shared_ptr<GlooBackend> on_gloo, const Calls& calls)
      : gloo_(std::move(on_gloo)), calls_(calls) {
    auto options = Nccl::Options::create();
    options->timeout = calls.timeout;
    nccl_ = c10::make_intrusive<Nccl>(
        c10::make_intrusive<c10d::PrefixStore>("nccl", gloo_->meeting().impl().store),
        static_cast<int>(rank()), static_cast<int>(size()), options);
  }

  int64_t rank() const override { return gloo_->rank(); }
  int64_t size() const override { return gloo_->size(); }
  int64_t local_rank() const override { return gloo_->local_rank(); }
  int64_t local_size() const override { return gloo_->local_size(); }

  void step_(const Tensor& t) override {
    if (!t.is_cuda()) return gloo_->step_(t);
    const std::string what = "a training step of GPUs";
    if (calls_.check) gloo_->expect_same_call(what, t);
    std::vector<Tensor> all{t};
    run(what, [&] { return nccl_->allreduce(all); });
  }

  void all_reduce_(const Tensor& t, detail::Reduce how) override {
    if (!t.is_cuda()) return gloo_->all_reduce_(t, how);
    const std::string what = all_reduce_text(how) + " of GPUs";
    gloo_->expect_same_call(what, t);
    std::vector<Tensor> all{t};
    c10d::AllreduceOptions options;
    options.reduceOp = operation(how);
    run(what, [&] { return nccl_->allreduce(all, options); });
  }

  void broadcast_(const Tensor& t, int64_t root) override {
    if (!t.is_cuda()) return gloo_->broadcast_(t, root);
    const std::string what = fmt::format("broadcast from rank {} of GPUs", root);
    gloo_->expect_same_call(what, t);
    std::vector<Tensor> all{t};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    run(what, [&] { return nccl_->broadcast(all, options); });
  }

  void all_gather(const Tensor& out, const Tensor& in) override {
    if (!out.is_cuda()) return gloo_->all_gather(out, in);
    gloo_->expect_same_call("all_gather of GPUs", in);
    Tensor to = out, from = in;
    run("all_gather of GPUs", [&] { return nccl_->_allgather_base(to, from); });
  }

  void reduce_scatter(const Tensor& out, const Tensor& in) override {
    if (!out.is_cuda()) return gloo_->reduce_scatter(out, in);
    gloo_->expect_same_call("reduce_scatter of GPUs", in);
    Tensor to = out, from = in;
    run("reduce_scatter of GPUs", [&] { return nccl_->_reduce_scatter_base(to, from); });
  }

  void barrier() override { gloo_->barrier(); }

  std::shared_ptr<GroupBackend> split(int64_t color) override {
    auto part = gloo_->split_on_gloo(color);
    if (!part) return nullptr;
    return std::make_shared<NcclGroup>(std::move(part), calls_);
  }

  void fail(const std::string& reason) override { gloo_->fail(reason); }

  std::string judge(
      const std::string& text,
      const std::function<std::string(const std::vector<std::string>&)>& verdict) override {
    return gloo_->judge(text, verdict);
  }

 private:
  // The call is in the order of the current stream when this returns; NCCL's watchdog ends the process where the
  // others do not take part within the timeout.
  template <class Start>
  void run(const std::string& what, const Start& start) {
    gloo_->expect_whole();
    try {
      start()->wait();
    } catch (const std::exception& error) {
      gloo_->end_by(gloo_->meeting().explain(what, error.what()));
      gloo_->expect_whole();
    }
  }

  std::shared_ptr<GlooBackend> gloo_;
  Calls calls_;
  c10::intrusive_ptr<Nccl> nccl_;
};

}  // namespace

bool has_nccl() { return true; }

void expect_nccl() {}

std::shared_ptr<detail::GroupBackend> with_nccl(std::shared_ptr<GlooBackend> on_gloo,
                                                const Calls& calls, bool required) {
  // NCCL needs a GPU for each process, and all processes must decide alike.
  const int64_t own = on_gloo->local_rank(), there = gpus();
  const std::string lacking =
      own < there ? ""
                  : fmt::format("local rank {} of {} GPUs on rank {}", own, there, on_gloo->rank());
  const std::string verdict =
      on_gloo->judge(lacking, [](const std::vector<std::string>& texts) -> std::string {
        for (const std::string& text : texts)
          if (!text.empty()) return text;
        return "";
      });
  if (!verdict.empty() && required)
    throw ArgumentError("distributed.init",
                        fmt::format("expected a GPU for each process with the backend \"nccl\", "
                                    "got {}. Start as many processes on each machine as it has "
                                    "GPUs, or take \"gloo\".",
                                    verdict));
  if (!verdict.empty()) return on_gloo;
  at::accelerator::setDeviceIndex(static_cast<c10::DeviceIndex>(own));
  return std::make_shared<NcclGroup>(std::move(on_gloo), calls);
}

}  // namespace luxtorch::distributed
