#include "distributed/environment.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "luxtorch/core/error.h"

namespace luxtorch::distributed {

namespace {

constexpr const char* kByHand =
    "By hand: RANK=0 WORLD_SIZE=2 MASTER_ADDR=localhost MASTER_PORT=29500 ./program, and the same "
    "with RANK=1.";

[[noreturn]] void refuse(const std::string& text) { throw ArgumentError("distributed.init", text); }

int64_t number(const char* name, const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    refuse(fmt::format("expected {} to be a whole number of at least 0, got \"{}\".", name, text));
  return value;
}

// The names of one launcher's variables.
struct Launcher {
  const char *rank, *size, *local_rank, *local_size;
};
constexpr Launcher kLaunchers[] = {
    {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"},
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
     "OMPI_COMM_WORLD_LOCAL_SIZE"},
    {"PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"},
    // Of srun's steps: in the batch script itself there are none.
    {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE"},
};

// SLURM's text has the processes of each node, such as "4(x2),3" for 4, 4 and 3. Nothing where it is another text.
std::optional<int64_t> on_node(std::string_view text, int64_t node) {
  const auto take = [&](int64_t& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || value < 1) return false;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    return true;
  };
  const auto skip = [&](std::string_view word) {
    if (!text.starts_with(word)) return false;
    text.remove_prefix(word.size());
    return true;
  };
  do {
    int64_t count = 0, nodes = 1;
    if (!take(count)) return {};
    if (skip("(x") && !(take(nodes) && skip(")"))) return {};
    if (node < nodes) return count;
    node -= nodes;
  } while (skip(","));
  return {};
}

MeetingPlace at_host(const std::string& host, const char* name, const std::string& port) {
  const int64_t value = number(name, port);
  if (value < 1 || value > 65535)
    refuse(fmt::format("expected {} to be a port from 1 to 65535, got {}.", name, value));
  return {.file = {}, .host = host, .port = static_cast<uint16_t>(value), .served = false};
}

MeetingPlace meeting_place(const std::string& store, const Variables& variables) {
  if (store.starts_with("file://")) {
    if (store.size() < 9 || store[7] != '/')
      refuse(fmt::format("expected .store = \"file:///\" and a path, got \"{}\".", store));
    return {.file = store.substr(7), .host = {}, .port = 0, .served = false};
  }
  if (store.starts_with("tcp://")) {
    const std::string place = store.substr(6);
    const size_t colon = place.rfind(':');
    if (colon == std::string::npos || colon == 0)
      refuse(fmt::format("expected .store = \"tcp://host:port\", got \"{}\".", store));
    return at_host(place.substr(0, colon), ".store", place.substr(colon + 1));
  }
  if (!store.empty())
    refuse(fmt::format("expected .store to begin with tcp:// or file://, got \"{}\".", store));
  const auto host = variables("MASTER_ADDR"), port = variables("MASTER_PORT");
  if (!host || !port)
    refuse(fmt::format(
        "expected MASTER_ADDR and MASTER_PORT, where the processes meet, got no {}. {}",
        !host && !port ? "such variables" : (host ? "MASTER_PORT" : "MASTER_ADDR"), kByHand));
  MeetingPlace place = at_host(*host, "MASTER_PORT", *port);
  place.served = variables("TORCHELASTIC_USE_AGENT_STORE") == "True";
  return place;
}

}  // namespace

Variables process_variables() {
  return [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    if (!value || !*value) return {};
    return value;
  };
}

Launch launch_of(const InitOptions& options, const Variables& variables) {
  std::optional<int64_t> rank = options.rank, size = options.size, local_rank = options.local_rank;
  std::optional<int64_t> local_size;
  const char *rank_name = ".rank", *size_name = ".size";
  if (!rank && !size) {
    for (const Launcher& launcher : kLaunchers) {
      const auto r = variables(launcher.rank), n = variables(launcher.size);
      const bool slurm = std::string(launcher.rank).starts_with("SLURM");
      if (!r && !n) continue;
      if (slurm && !n) continue;
      rank_name = launcher.rank, size_name = launcher.size;
      if (r) rank = number(rank_name, *r);
      if (n) size = number(size_name, *n);
      if (const auto text = variables(launcher.local_rank); text && !local_rank)
        local_rank = number(launcher.local_rank, *text);
      const auto text = variables(launcher.local_size);
      if (const auto node = variables("SLURM_NODEID"); text && slurm && node)
        local_size = on_node(*text, number("SLURM_NODEID", *node));
      if (text && !slurm) local_size = number(launcher.local_size, *text);
      break;
    }
  }
  if (!rank && !size) return {};
  if (!rank || !size)
    refuse(fmt::format("expected both {} and {}, got {} alone. {}", rank_name, size_name,
                       rank ? rank_name : size_name, kByHand));
  if (*size < 1 || *rank < 0 || *rank >= *size)
    refuse(fmt::format("expected {} from 0 to {} - 1, got {} = {} and {} = {}.", rank_name,
                       size_name, rank_name, *rank, size_name, *size));
  Launch launch{.rank = *rank,
                .size = *size,
                .local_rank = local_rank.value_or(*rank),
                .local_size = local_size.value_or(*size),
                .at = {},
                .prefix = {}};
  if (launch.size == 1) return launch;
  launch.at = meeting_place(options.store, variables);
  launch.prefix = "luxtorch/" + variables("TORCHELASTIC_RESTART_COUNT").value_or("0");
  return launch;
}

bool checks_calls(const InitOptions& options, const Variables& variables) {
  const std::string word = variables("LUXTORCH_DISTRIBUTED_CHECK").value_or("0");
  if (word != "0" && word != "1")
    refuse(fmt::format("expected LUXTORCH_DISTRIBUTED_CHECK to be 0 or 1, got \"{}\".", word));
  return options.check_calls || word == "1";
}

}  // namespace luxtorch::distributed
