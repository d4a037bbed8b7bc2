// Up to 1,024 processes, simulated in one: parts of batches, positions, keys, messages, training steps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <set>

#include "distributed/simulated_group.h"
#include "group_backend.h"
#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/core/values.h"
#include "luxtorch/data/dataloader.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/optim/optim.h"
#include "luxtorch/train/train_state.h"
#include "train/group_step.h"

namespace luxtorch {
namespace {

using testing::silent_member, testing::simulate;

constexpr int64_t kMany = 1024;

// Whether parts are without gaps, in order, and differ by at most one row.
bool divides(int64_t n, int64_t count) {
  int64_t at = 0;
  for (int64_t index = 0; index < count; ++index) {
    const Part part{index, count};
    const int64_t rows = part.end(n) - part.begin(n);
    if (part.begin(n) != at || rows < n / count || rows > (n + count - 1) / count) return false;
    at = part.end(n);
  }
  return at == n;
}

TEST(PartsOfManyProcesses, LoseNoRowAndHaveNoneTwice) {
  for (int64_t count : {1, 2, 3, 7, 63, 64, 65, 1000, 1023, 1024})
    for (int64_t n = 0; n <= 5000; ++n) ASSERT_TRUE(divides(n, count)) << n << " by " << count;
  for (int64_t count = 1; count <= kMany; ++count)
    for (int64_t n : {0, 1, 2, 127, 1023, 1024, 1025, 4096, 4999, 5000})
      ASSERT_TRUE(divides(n, count)) << n << " by " << count;
}

data::DataLoader loader_of(Part part) {
  return data::DataLoader(tuple({arange(5000)}),
                          {.batch_size = 1500, .shuffle = true, .part = part}, Rng(4));
}

TEST(LoadersOfManyProcesses, GiveEachBatchOnce) {
  const data::DataLoader whole = loader_of({});
  for (int64_t count : {int64_t{3}, int64_t{64}, kMany}) {
    std::vector<std::vector<Tensor>> parts(static_cast<size_t>(whole.size()));
    for (int64_t index = 0; index < count; ++index) {
      const data::DataLoader loader = loader_of({index, count});
      size_t b = 0;
      for (const Tree& batch : loader.batches(2)) parts[b++].push_back(batch[0].tensor());
    }
    size_t b = 0;
    for (const Tree& batch : whole.batches(2))
      EXPECT_TRUE(cat(parts[b++]).equal(batch[0].tensor())) << count;
  }
}

TEST(LoadersOfManyProcesses, GoOnWhereAnotherNumberOfProcessesWas) {
  data::DataLoader first = loader_of({1023, kMany});
  auto at = first.begin();
  ++at;
  std::vector<Tensor> parts;
  for (int64_t index = 0; index < 3; ++index) {
    data::DataLoader part = loader_of({index, 3});
    part.set_position_(first.position());
    parts.push_back((*part.begin())[0].tensor());
  }
  data::DataLoader one = loader_of({});
  auto expected = one.begin();
  ++expected, ++expected;
  EXPECT_TRUE(cat(parts).equal((*expected)[0].tensor()));
}

TEST(KeysOfManyProcesses, AreAllDifferentInAStepAndTheSameAfterIt) {
  const Tree states = named({{"a", Rng(1)}, {"b", tuple({Rng(2), tensor({1.0})})}});
  std::set<uint64_t> keys, next;
  for (int64_t rank = 0; rank < kMany; ++rank) {
    const Tree own = detail::own_keys(states, silent_member(rank, kMany));
    keys.insert(own["a"].scalar<Rng>().key());
    keys.insert(own["b"][0].scalar<Rng>().key());
    next.insert(detail::next_keys(states, own)["a"].scalar<Rng>().key());
  }
  EXPECT_EQ(keys.size(), 2u * kMany);
  EXPECT_EQ(next.size(), 1u);
  EXPECT_FALSE(keys.contains(*next.begin()));
}

TEST(CallsOfManyProcesses, GiveTheirValues) {
  std::atomic<int64_t> wrong = 0;
  simulate(kMany, [&](const Group& group) {
    const int64_t rank = group.rank();
    auto expect = [&](bool holds) { wrong += holds ? 0 : 1; };
    expect(group.sum(tensor({rank})).item<int64_t>() == kMany * (kMany - 1) / 2);
    expect(group.max(tensor({rank})).item<int64_t>() == kMany - 1);
    expect(group.all_gather(tensor({rank, -rank}))
               .equal(stack({arange(kMany), -arange(kMany)}, 1).flatten()));
    expect(group.reduce_scatter(arange(kMany)).item<int64_t>() == kMany * rank);
    expect(group.broadcast(Tree(rank), 77).scalar<int64_t>() == 77);
    const Group tens = group.split(rank / 10);
    expect(tens.size() == (rank < 1020 ? 10 : 4) && tens.rank() == rank % 10);
    expect(tens.sum(tensor({rank})).item<int64_t>() ==
           tens.size() * (rank / 10 * 10) + tens.size() * (tens.size() - 1) / 2);
    expect(all_equal(group, Tree(1)) && !all_equal(group, Tree(rank == 1000)));
    group.barrier();
  });
  EXPECT_EQ(wrong, 0);
}

TEST(MeansOfManyProcesses, CountEachByItsWeight) {
  // Rank r has weight r mod 5 and the value r; those without weight have NaN.
  double sum = 0, weights = 0;
  for (int64_t r = 0; r < kMany; ++r)
    sum += static_cast<double>(r % 5 * r), weights += static_cast<double>(r % 5);
  std::atomic<int64_t> wrong = 0;
  simulate(kMany, [&](const Group& group) {
    const auto weight = static_cast<double>(group.rank() % 5);
    const double value = weight > 0 ? static_cast<double>(group.rank()) : std::nan("");
    const Tree mean = group.mean(named({{"x", value}, {"t", full({2}, value)}}), weight);
    const bool near = std::abs(mean["x"].scalar<double>() - sum / weights) < 1e-9 &&
                      std::abs(mean["t"].tensor()[1].item<double>() - sum / weights) < 1e-3;
    wrong += near ? 0 : 1;
  });
  EXPECT_EQ(wrong, 0);
}

TEST(MeansOfManyProcesses, AreFiniteWhereTheSumIsNotIn16Bits) {
  simulate(2, [](const Group& group) {
    const double rank = static_cast<double>(group.rank());
    const Tensor value = full({2}, 1000 + 1000 * rank).to(kFloat16);
    const Tree mean = group.mean(named({{"x", value}}), 1024 + 2048 * rank);
    EXPECT_TRUE(mean["x"].tensor().equal(full({2}, 1750).to(kFloat16)));
  });
}

TEST(MeansOfManyProcesses, OfOneProcessAreExactIn16Bits) {
  const Tensor value = full({2}, 1001).to(kFloat16);
  EXPECT_TRUE(Group().mean(Tree(value), 1024).tensor().equal(value));
}

Tree noise(int64_t rows) {
  return tuple({random::normal(Rng(1), {rows, 3}).to(kFloat64),
                random::normal(Rng(2), {rows, 1}).to(kFloat64)});
}

// Parameters after three steps on batches of 1500, 1500 and 1 rows. weighted: by rows, not by processes.
Tree trained(const Group& group, bool weighted = true) {
  const Chain model(Dense(3, 4, luxtorch::tanh), Dense(4, 1));
  auto [ps, st] = setup(Rng(5), model);
  TrainStateOptions options{.group = group};
  if (!weighted)
    options.weight = [](const Tree& batch) { return batch[0].tensor().size(0) > 0 ? 1.0 : 0.0; };
  TrainState ts(model, tree::map_tensors([](const Tensor& t) { return t.to(kFloat64); }, ps), st,
                Momentum(0.1, 0.9), options);
  const data::DataLoader loader(noise(3001), {.batch_size = 1500, .part = group.part()}, Rng(4));
  for (const Tree& batch : loader.batches(0)) single_train_step_(MSELoss(), batch, ts);
  return ts.parameters();
}

double largest_difference(const Tree& a, const Tree& b) {
  double largest = 0;
  const auto x = tree::tensors(a), y = tree::tensors(b);
  for (size_t i = 0; i < x.size(); ++i)
    largest = std::max(largest, (x[i] - y[i]).abs().max().item<double>());
  return largest;
}

TEST(TrainingOfManyProcesses, IsThatOfOne) {
  const Tree one = trained(Group());
  for (int64_t count : {int64_t{2}, int64_t{7}, kMany}) {
    Tree first;
    std::atomic<int64_t> different = 0;
    simulate(count, [&](const Group& group) {
      const Tree ps = trained(group);
      if (!all_equal(group, ps)) ++different;
      if (group.is_root()) first = ps;
    });
    EXPECT_EQ(different, 0);
    EXPECT_LT(largest_difference(first, one), 1e-13) << count;
  }
}

TEST(TrainingOfManyProcesses, WouldBeAnotherOneIfEachProcessCountedAlike) {
  const Tree one = trained(Group());
  Tree first;
  simulate(kMany, [&](const Group& group) {
    const Tree ps = trained(group, false);
    if (group.is_root()) first = ps;
  });
  EXPECT_GT(largest_difference(first, one), 1e-5);
}

TEST(FailuresOfManyProcesses, ReachAllOthers) {
  std::atomic<int64_t> told = 0;
  const auto run = [&] {
    simulate(kMany, [&](const Group& group) {
      if (group.rank() == 700) throw ArgumentError("Mine", "expected luck, got none.");
      try {
        group.barrier();
      } catch (const DistributedError& error) {
        if (error.rank() == 700) ++told;
        throw;
      }
    });
  };
  EXPECT_THROW(run(), ArgumentError);
  EXPECT_EQ(told, kMany - 1);
}

TEST(FailuresOfManyProcesses, NameTheOneWithAnotherModel) {
  std::atomic<int64_t> refused = 0;
  simulate(kMany, [&](const Group& group) {
    const Dense model(3, group.rank() == 700 ? 5 : 4);
    auto [ps, st] = setup(Rng(5), model);
    try {
      TrainState(model, ps, st, Adam(0.1), {.group = group});
    } catch (const ArgumentError& error) {
      if (std::string(error.what()).find("on rank 700") != std::string::npos) ++refused;
    }
  });
  EXPECT_EQ(refused, kMany);
}

}  // namespace
}  // namespace luxtorch
