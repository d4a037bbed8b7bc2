// luxtorch's side of the comparison with Python PyTorch.
//
//     comparison about                           // luxtorch's version, and LibTorch's
//     comparison list
//     comparison results                         // what cases compute, one after the other
//     comparison turns                           // its times, by the conversation of tools/bench/turns.py
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <torch/version.h>

#include <cstdint>
#include <exception>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "luxtorch/io/torch_archive.h"
#include "luxtorch/version.h"
#include "results.h"
#include "training.h"
#include "turns.h"

namespace comparison {

namespace {

using namespace luxtorch;

bench::Start training(const std::shared_ptr<const Problem>& problem) {
  struct Run {
    Training training;
    double loss = 0;
  };
  return [problem] {
    auto run = std::make_shared<Run>(Run{Training(*problem)});
    return bench::Work{[problem, run] { run->loss = run->training.step(); },
                       [run] { return run->loss; }};
  };
}

bench::Start forward(const std::shared_ptr<const Problem>& problem) {
  struct Run {
    Tensor y;
    std::optional<double> loss;  // once: the output stays the same
  };
  return [problem] {
    auto run = std::make_shared<Run>();
    const Tree batch = problem->batch(0);
    return bench::Work{[problem, run, batch] {
                         const auto& p = *problem;
                         run->y = predict<Tensor>(p.what.model, batch[0], p.ps, p.st);
                         if (!run->y.is_cpu()) run->y.sum().item();  // waits
                       },
                       [problem, run, batch] {
                         if (!run->loss)
                           run->loss = problem->what.loss(run->y, batch[1].tensor()).item<double>();
                         return *run->loss;
                       }};
  };
}

// Answers each line "STEPS PROBLEM" of the standard input when luxtorch.pt beside the problem's file has what the
// case computes. An exception ends the program: the case that was asked for last is the one that failed.
int compute() {
  std::cout << R"({"ready": "luxtorch"})" << std::endl;
  int64_t steps = 0;
  std::string problem;
  while (std::cin >> steps && std::getline(std::cin >> std::ws, problem)) {
    const auto out = std::filesystem::path(problem).replace_filename("luxtorch.pt");
    torch_archive::save(out, results(read_problem(problem), steps));
    std::cout << "{\"results\": " << std::quoted(out.string()) << '}' << std::endl;
  }
  return 0;
}

int run(const std::vector<std::string>& words) {
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setAllowTF32CuBLAS(false);
  const std::string command = words.empty() ? "" : words[0];
  if (command == "about") {
    std::cout << luxtorch::version() << '\n' << TORCH_VERSION << '\n';
    return 0;
  }
  if (command == "list") {
    for (const auto& name : case_names()) std::cout << name << '\n';
    return 0;
  }
  if (command == "results") return compute();
  if (command == "turns") {
    const auto about =
        std::string("luxtorch ") + luxtorch::version() + ", LibTorch " + TORCH_VERSION;
    return bench::take_turns(about, at::get_num_threads(),
                             [](const std::string& file, bool train) -> bench::Start {
                               auto problem = std::make_shared<const Problem>(read_problem(file));
                               return train ? training(problem) : forward(problem);
                             });
  }
  std::cerr << "comparison about | list | results | turns\n";
  return 2;
}

}  // namespace

}  // namespace comparison

int main(int count, char** arguments) {
  try {
    return comparison::run({arguments + 1, arguments + count});
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
