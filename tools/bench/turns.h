// A competitor's side of an interleaved measurement, for those written in C++.
//
//     int main() {
//       return bench::take_turns("LibTorch 2.13.0", threads, [](const std::string& file, bool train) {
//         auto problem = read_problem(file);
//         return [problem] {
//           auto model = fresh_model(problem);
//           return bench::Work{[model] { model->step(); }, [model] { return model->loss(); }};
//         };
//       });
//     }
//
// turns.py has the conversation and is the same in Python. Knows neither luxtorch nor torch.
#pragma once

#include <functional>
#include <string>

namespace bench {

/// step() does one unit of work and is timed; value() is not, and gives the number of the last step,
/// which all competitors must agree on.
struct Work {
  std::function<void()> step;
  std::function<double()> value;
};
/// Makes everything anew.
using Start = std::function<Work()>;

/// Says that it is ready, then answers each line of the standard input; open_problem reads a
/// problem's file, of which training steps or forward passes are asked. Returns at the input's end,
/// 0; an exception from a step goes to the standard error, 1, one from open_problem to the driver:
/// this competitor cannot do that one. Nothing else may be written to the standard output.
int take_turns(const std::string& about, int threads,
               const std::function<Start(const std::string& file, bool train)>& open_problem);

}  // namespace bench
