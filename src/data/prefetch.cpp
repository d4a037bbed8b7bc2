#include "data/prefetch.h"

#include <utility>

namespace luxtorch::data::detail {

Prefetch::Prefetch(Make make, int64_t first, int64_t end, int64_t threads, int64_t ahead)
    : make_(std::move(make)), end_(end), ahead_(ahead), next_(first), taken_(first) {
  for (int64_t i = 0; i < threads; ++i)
    threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
}

Prefetch::Result Prefetch::result(int64_t number) const {
  try {
    return {make_(number), nullptr};
  } catch (...) {
    return {Tree(), std::current_exception()};
  }
}

void Prefetch::work(const std::stop_token& stop) {
  const at::ThreadLocalStateGuard as_the_owner(state_);
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, stop, [this] { return next_ == end_ || next_ < taken_ + ahead_; });
    if (stop.stop_requested() || next_ == end_) return;
    const int64_t number = next_++;
    lock.unlock();
    Result made = result(number);
    lock.lock();
    finished_.emplace(number, std::move(made));
    changed_.notify_all();
  }
}

Tree Prefetch::take(int64_t number) {
  std::unique_lock lock(mutex_);
  if (number < taken_) {
    lock.unlock();
    return make_(number);
  }
  taken_ = number + 1;
  changed_.notify_all();
  changed_.wait(lock, [&] { return finished_.contains(number); });
  Result made = std::move(finished_.extract(number).mapped());
  lock.unlock();
  if (made.error) std::rethrow_exception(std::move(made.error));
  return std::move(made.batch);
}

}  // namespace luxtorch::data::detail
