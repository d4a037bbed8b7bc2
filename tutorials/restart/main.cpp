// When a machine dies: a training on several processes is killed, starts again, and ends with the same bits.
//
// Long trainings outlive machines. Nothing can be done for a process that is gone; but its work was in a checkpoint some
// steps ago. So: save often enough, let the launcher start everything again, and go on from the last checkpoint. Each line
// below prints the same hash of the parameters at the end, the first one without an interruption.
//
//     tools/run restart --processes 2 --out undisturbed
//     tools/run restart --processes 2 --out killed --die-at 33 --max-restarts 1

#include <fmt/format.h>
#include <luxtorch/luxtorch.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

namespace lux = luxtorch;
using lux::Rng, lux::Tensor, lux::Tree;

struct Options {
  int64_t steps = 60, every = 10, die_at = 0;
  uint64_t seed = 0;
  std::string out = "restart_run";
};

// ------------------------------------------------------------------------------------------------------------- The death
//
// As hard as it gets: SIGKILL, which a program cannot catch. Power cuts and the kernel, when it is out of memory, end
// processes this way. The others wait for the dead one's gradients at that moment; they get a DistributedError, and end.
// torchrun then starts all of them again, and counts that in a variable.

bool is_first_life() {
  const char* restarts = std::getenv("TORCHELASTIC_RESTART_COUNT");
  return !restarts || std::string(restarts) == "0";
}

void die_at(int64_t step, const lux::TrainState& ts, const lux::Group& group) {
  if (ts.step != step || group.rank() != group.size() - 1 || !is_first_life()) return;
  fmt::print(stderr, "Process {} dies at step {}.\n", group.rank(), step);
  std::raise(SIGKILL);
}

// -------------------------------------------------------------------------------------------------------------- The hash

std::string hash_of(const Tree& ps) {
  std::string bytes;
  for (const Tensor& t : lux::tree::tensors(ps)) {
    const Tensor dense = t.contiguous();
    bytes.append(static_cast<const char*>(dense.const_data_ptr()), dense.nbytes());
  }
  return lux::sha256(bytes).substr(0, 16);
}

// ---------------------------------------------------------------------------------------------------------- The training
//
// The training of tutorials/distributed, and a CheckpointFolder of the same group: all processes call save and resume, but
// process 0 alone writes and reads, and sends the others what it found. Only its machine needs the folder.
//
// What a run needs to go on as if nothing had happened: parameters, states, moments and the step, which a checkpoint takes
// from the TrainState; and the place in the data, loader.position(), which counts whole batches. Neither knows how many
// processes there were: where one of four machines stays away, the run may go on with three.

void train(const Options& o) {
  const lux::Group group = lux::distributed::init();
  const Rng rng(o.seed);
  auto [x, y] = lux::data::spirals(rng.fold_in("spirals"), 800, 50);
  lux::DataLoader loader(lux::tuple({x, y}),
                         {.batch_size = 128, .shuffle = true, .part = group.part()},
                         rng.fold_in("shuffle"));
  const lux::Layer model =
      lux::Chain(lux::Recurrence(lux::LSTMCell(2, 8)), lux::Dense(8, 1, lux::sigmoid),
                 [](const Tensor& y) { return y.squeeze(-1); });
  auto [ps, st] = lux::setup(rng, model);
  lux::TrainState ts(model, ps, st, lux::Adam(0.01), {.group = group});

  const lux::CheckpointFolder run(o.out, {.group = group});
  const auto found = run.resume();
  if (found.checkpoint) {
    found.checkpoint->restore_(ts);
    loader.set_position_(found.checkpoint->data);
  }
  auto say = [&](const std::string& line) {
    if (!group.is_root()) return;
    fmt::print("{}\n", line);
    std::fflush(stdout);
  };
  say(fmt::format("{} process{}, from step {}", group.size(), group.size() == 1 ? "" : "es",
                  ts.step));

  const lux::BinaryCrossEntropyLoss loss_function;
  while (ts.step < o.steps) {
    for (const Tree& batch : loader) {
      auto [grads, loss, stats] = lux::single_train_step_(loss_function, batch, ts);
      die_at(o.die_at, ts, group);
      if (ts.step % o.every == 0 || ts.step == o.steps) {
        run.save(ts, {.data = loader.position()});
        say(fmt::format("step {:3}: loss {:.4f}, saved", ts.step, loss.item<double>()));
      }
      if (ts.step == o.steps) break;
    }
  }
  say(fmt::format("The parameters after {} steps: {}", ts.step, hash_of(ts.parameters())));
}

// ----------------------------------------------------------------------------------------------------------- The program

int main(int argc, char** argv) {
  Options o;
  CLI::App app(
      "Trains on several processes, with checkpoints to go on from when one of them dies.");
  app.option_defaults()->always_capture_default();
  app.add_option("--steps", o.steps, "Steps of training")->check(CLI::PositiveNumber);
  app.add_option("--every", o.every, "Steps from one checkpoint to the next")
      ->check(CLI::PositiveNumber);
  app.add_option("--die-at", o.die_at,
                 "The step after which the last process kills itself, the first time it is "
                 "started; 0: never")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--seed", o.seed, "Where data, parameters and shuffling start from");
  app.add_option("--out", o.out, "The run's folder, in which it resumes what it finds");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  try {
    train(o);
    return 0;
  } catch (const lux::Error& e) {
    std::cerr << "restart: " << e.what() << std::endl;
    return 1;
  }
}
