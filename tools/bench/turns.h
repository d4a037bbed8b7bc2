// A competitor's side of an interleaved measurement, for those written in C++.
//
//     int main(int argc, char** argv) {
//       return bench::take_turns("LibTorch 2.13.0", threads, [&]() -> bench::Step {
//         auto model = fresh_model();
//         return [model] { return one_step(model); };
//       });
//     }
//
// turns.py has the conversation and is the same in Python. Knows neither luxtorch nor torch.
#pragma once

#include <functional>
#include <string>

namespace bench {

/// One unit of work. It returns a number that all competitors must agree on.
using Step = std::function<double()>;

/// Says that it is ready, then answers each line of the standard input: `start` makes everything
/// anew, its Step is called and timed. Returns at the input's end, 0; an exception from a step goes
/// to the standard error, 1. Nothing else may be written to the standard output.
int take_turns(const std::string& about, int threads, const std::function<Step()>& start);

}  // namespace bench
