// The threads of one call of the recurrent kernels.
#pragma once

#include <algorithm>

#include "core/parallel.h"
#include "kernels/recurrent.h"

#ifdef _OPENMP
#include <omp.h>
#else
#include <atomic>
#include <barrier>
#include <optional>
#endif

namespace luxtorch::ops {

/// Calls f(team) on `size` threads, which wait for each other; on fewer where there are no more.
template <class F>
void on_team(int64_t size, const F& f) {
#ifdef _OPENMP
#pragma omp parallel num_threads(static_cast<int>(size))
  {
    f(kernels::RecurrentTeam{omp_get_thread_num(), omp_get_num_threads(),
                             [](void*) {
#pragma omp barrier
                             },
                             nullptr});
  }
#else
  // Torch's threads each get one part of [0, size), all at the same time; the first part, which is the
  // largest, tells how many there are.
  struct Team {
    std::optional<std::barrier<>> barrier;
    std::atomic<int64_t> part = 0;
  } team;
  detail::parallel_for(0, size, 1, [&](int64_t first, int64_t last) {
    if (first == 0) {
      team.barrier.emplace((size - 1) / last + 1);
      team.part = last;
      team.part.notify_all();
    }
    team.part.wait(0);
    const int64_t part = team.part;
    f(kernels::RecurrentTeam{
        static_cast<int>(first / part), static_cast<int>((size - 1) / part + 1),
        [](void* barrier) { static_cast<std::barrier<>*>(barrier)->arrive_and_wait(); },
        &*team.barrier});
  });
#endif
}

/// Calls f(i, team) for slices of the groups on a thread each, or on every thread of a team.
template <class F>
void on_threads(const kernels::RecurrentLayout& layout, const F& f) {
  if (layout.team > 1)
    return on_team(layout.team, [&](const kernels::RecurrentTeam& team) { f(0, team); });
  if (layout.slices == 1) return f(0, kernels::RecurrentTeam{});
  detail::parallel_for(0, layout.slices, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i, kernels::RecurrentTeam{});
  });
}

/// Panels of large weights are handled by all threads.
template <class F>
void for_panels(const kernels::RecurrentLayout& layout, int64_t elements, const F& f) {
  constexpr int64_t kWorthAThread = 1 << 14;
  if (elements <= kWorthAThread) return f(0, layout.panels);
  const int64_t grain = std::max<int64_t>(1, kWorthAThread * layout.panels / elements);
  detail::parallel_for(0, layout.panels, grain, f);
}

}  // namespace luxtorch::ops
