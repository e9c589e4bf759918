// Independent tasks on several threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace videotx {

// Calls task(0) .. task(count - 1), each once, on at most `num_threads` threads; `task` must not throw.
template <typename Task>
void in_parallel(std::size_t count, std::size_t num_threads, const Task& task) {
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      task(i);
    }
  };
  std::vector<std::jthread> others;  // they are joined when it goes out of scope
  for (std::size_t i = 1; i < std::min(count, num_threads); ++i) {
    others.emplace_back(work);
  }
  work();
}

}  // namespace videotx
