// What launchers say, and what is wrong with it.
#include "distributed/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "luxtorch/core/error.h"

namespace luxtorch::distributed {
namespace {

using Environment = std::map<std::string, std::string>;

Launch launch(const Environment& environment, const InitOptions& options = {}) {
  return launch_of(options, [&](const char* name) -> std::optional<std::string> {
    const auto found = environment.find(name);
    return found == environment.end() ? std::nullopt : std::optional(found->second);
  });
}

std::string refusal(const Environment& environment, const InitOptions& options = {}) {
  try {
    launch(environment, options);
  } catch (const ArgumentError& error) {
    return error.what();
  }
  return "nothing was refused";
}

Environment with_place(Environment variables) {
  variables.insert({{"MASTER_ADDR", "host"}, {"MASTER_PORT", "29500"}});
  return variables;
}

TEST(LauncherEnvironment, WithoutALauncherThereIsOneProcess) {
  EXPECT_EQ(launch({}).size, 1);
  // In a batch script there are no steps of srun.
  EXPECT_EQ(launch({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}}).size, 1);
  EXPECT_EQ(launch({{"RANK", "0"}, {"WORLD_SIZE", "1"}}).size, 1);  // no meeting place is asked for
}

TEST(LauncherEnvironment, EachLauncherHasItsNames) {
  const Environment all[] = {
      {{"RANK", "3"}, {"WORLD_SIZE", "8"}, {"LOCAL_RANK", "1"}, {"LOCAL_WORLD_SIZE", "2"}},
      {{"OMPI_COMM_WORLD_RANK", "3"},
       {"OMPI_COMM_WORLD_SIZE", "8"},
       {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
       {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}},
      {{"PMI_RANK", "3"}, {"PMI_SIZE", "8"}, {"MPI_LOCALRANKID", "1"}, {"MPI_LOCALNRANKS", "2"}},
      {{"SLURM_PROCID", "3"},
       {"SLURM_STEP_NUM_TASKS", "8"},
       {"SLURM_LOCALID", "1"},
       {"SLURM_STEP_TASKS_PER_NODE", "2(x4)"},
       {"SLURM_NODEID", "1"}}};
  for (const auto& variables : all) {
    const Launch found = launch(with_place(variables));
    EXPECT_EQ(found.rank, 3);
    EXPECT_EQ(found.size, 8);
    EXPECT_EQ(found.local_rank, 1);
    EXPECT_EQ(found.local_size, 2);
    EXPECT_EQ(found.at.host, "host");
    EXPECT_EQ(found.at.port, 29500);
    EXPECT_FALSE(found.at.served);
  }
}

TEST(LauncherEnvironment, SlurmListsTheProcessesOfEachNode) {
  const auto local_size = [](const char* list, const char* node) {
    Environment variables = {{"SLURM_PROCID", "3"}, {"SLURM_STEP_NUM_TASKS", "11"}};
    if (list) variables["SLURM_STEP_TASKS_PER_NODE"] = list;
    if (node) variables["SLURM_NODEID"] = node;
    return launch(with_place(variables)).local_size;
  };
  EXPECT_EQ(local_size("4(x2),3", "0"), 4);
  EXPECT_EQ(local_size("4(x2),3", "1"), 4);
  EXPECT_EQ(local_size("4(x2),3", "2"), 3);
  EXPECT_EQ(local_size("3,4(x2)", "0"), 3);
  EXPECT_EQ(local_size("3,4(x2)", "2"), 4);
  EXPECT_EQ(local_size("11", "0"), 11);
  // Without the launcher's word, the whole group.
  EXPECT_EQ(local_size(nullptr, "0"), 11);
  EXPECT_EQ(local_size("4(x2),3", nullptr), 11);
  EXPECT_EQ(local_size("4(x2),3", "3"), 11);
  for (const char* other : {"four", "0", "-4", "4(x", "4(x2", "4(x0)", "(x2)", ",4", "4;4"})
    EXPECT_EQ(local_size(other, "1"), 11) << other;
}

TEST(LauncherEnvironment, ByHandAllProcessesAreTakenToBeOnOneMachine) {
  const Launch found = launch(with_place({{"RANK", "3"}, {"WORLD_SIZE", "8"}}));
  EXPECT_EQ(found.local_rank, 3);
  EXPECT_EQ(found.local_size, 8);
}

TEST(LauncherEnvironment, TorchrunServesTheStoreAndCountsRestarts) {
  const auto found = launch(with_place({{"RANK", "0"},
                                        {"WORLD_SIZE", "2"},
                                        {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                                        {"TORCHELASTIC_RESTART_COUNT", "2"}}));
  EXPECT_TRUE(found.at.served);
  EXPECT_EQ(found.prefix, "luxtorch/2");
}

TEST(LauncherEnvironment, OptionsComeBeforeIt) {
  const auto found = launch({{"RANK", "3"}, {"WORLD_SIZE", "8"}},
                            {.store = "tcp://[::1]:4000", .rank = 1, .size = 2});
  EXPECT_EQ(found.rank, 1);
  EXPECT_EQ(found.size, 2);
  EXPECT_EQ(found.at.host, "[::1]");
  EXPECT_EQ(found.at.port, 4000);
  EXPECT_EQ(launch({}, {.store = "file:///shared/run", .rank = 1, .size = 2}).at.file,
            "/shared/run");
}

TEST(LauncherEnvironment, ChecksCallsByOptionOrVariable) {
  const auto checks = [](const char* word, const InitOptions& options = {}) {
    return checks_calls(options, [&](const char* name) -> std::optional<std::string> {
      if (!word || std::string(name) != "LUXTORCH_DISTRIBUTED_CHECK") return {};
      return word;
    });
  };
  EXPECT_FALSE(checks(nullptr));
  EXPECT_FALSE(checks("0"));
  EXPECT_TRUE(checks("1"));
  EXPECT_TRUE(checks(nullptr, {.check_calls = true}));
  EXPECT_TRUE(checks("0", {.check_calls = true}));
  EXPECT_THROW(checks("yes"), ArgumentError);
}

TEST(LauncherEnvironment, WhatIsWrongIsNamed) {
  using testing::HasSubstr;
  const Environment two = {{"RANK", "0"}, {"WORLD_SIZE", "2"}};
  EXPECT_THAT(refusal(two), HasSubstr("expected MASTER_ADDR and MASTER_PORT"));
  EXPECT_THAT(refusal({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "host"}}),
              HasSubstr("got no MASTER_PORT. By hand: RANK=0"));
  EXPECT_THAT(refusal({{"RANK", "0"}}),
              HasSubstr("expected both RANK and WORLD_SIZE, got RANK alone"));
  EXPECT_THAT(refusal({{"OMPI_COMM_WORLD_SIZE", "2"}}),
              HasSubstr("expected both OMPI_COMM_WORLD_RANK and OMPI_COMM_WORLD_SIZE"));
  EXPECT_THAT(refusal({{"RANK", "2"}, {"WORLD_SIZE", "2"}}),
              HasSubstr("expected RANK from 0 to WORLD_SIZE - 1, got RANK = 2 and WORLD_SIZE = 2"));
  EXPECT_THAT(refusal({{"RANK", "one"}, {"WORLD_SIZE", "2"}}),
              HasSubstr("expected RANK to be a whole number of at least 0, got \"one\""));
  EXPECT_THAT(refusal({}, {.rank = 1}),
              HasSubstr("expected both .rank and .size, got .rank alone"));
  EXPECT_THAT(
      refusal(
          {{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "host"}, {"MASTER_PORT", "70000"}}),
      HasSubstr("expected MASTER_PORT to be a port from 1 to 65535, got 70000"));
  EXPECT_THAT(refusal(two, {.store = "host:1"}),
              HasSubstr("expected .store to begin with tcp:// or file://"));
  EXPECT_THAT(refusal(two, {.store = "tcp://host"}),
              HasSubstr("expected .store = \"tcp://host:port\""));
  EXPECT_THAT(refusal(two, {.store = "file://run"}),
              HasSubstr("expected .store = \"file:///\" and a path"));
}

}  // namespace
}  // namespace luxtorch::distributed
