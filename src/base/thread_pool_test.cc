#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <vector>

namespace isobatch {
namespace {

TEST(ThreadPoolTest, EveryItemOnceAtAnySize) {
  for (int threads = 1; threads <= 8; ++threads) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), threads);
    for (const int items : {0, 1, 2, 7, 64, 1000}) {
      std::vector<int> seen(static_cast<std::size_t>(items), 0);  // plain ints: a race is for TSan to find
      std::vector<int> per_thread(static_cast<std::size_t>(threads), 0);
      pool.parallel_for(items, [&](int item, int thread) {
        ++seen[static_cast<std::size_t>(item)];
        ++per_thread[static_cast<std::size_t>(thread)];
      });
      EXPECT_EQ(seen, std::vector<int>(static_cast<std::size_t>(items), 1));
      int total = 0;
      for (const int n : per_thread) total += n;
      EXPECT_EQ(total, items);
    }
  }
}

TEST(ThreadPoolTest, EveryItemOnceInGroups) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (int groups = 1; groups <= threads; ++groups) {
      for (const int items : {0, 1, 2, 7, 64, 1000}) {
        std::vector<int> seen(static_cast<std::size_t>(items), 0);
        pool.parallel_for(items, groups, [&](int item, int) { ++seen[static_cast<std::size_t>(item)]; });
        EXPECT_EQ(seen, std::vector<int>(static_cast<std::size_t>(items), 1)) << threads << ", " << groups;
      }
    }
  }
}

// A thread that is held up leaves its group to the others.
TEST(ThreadPoolTest, WhatIsLeftOfAGroupIsTakenByOthers) {
  ThreadPool pool(2);
  std::atomic<int> done{0};
  pool.parallel_for(64, 2, [&](int item, int) {
    const bool first_of_a_group = item == 0 || item == 32;
    if (first_of_a_group && done.fetch_add(1) == 0) {
      while (done.load() < 64) std::this_thread::yield();  // until all others are done
    } else if (!first_of_a_group) {
      done.fetch_add(1);
    }
  });
  EXPECT_EQ(done.load(), 64);
}

TEST(ThreadPoolTest, ManyShortJobsSeeEachOthersWrites) {
  ThreadPool pool(4);
  std::vector<int> values(64, 0);
  for (int job = 0; job < 20'000; ++job) {
    // Item i reads what another item wrote in the job before.
    std::vector<int> before = values;
    pool.parallel_for(64, [&](int item, int) {
      values[static_cast<std::size_t>(item)] = before[static_cast<std::size_t>((item + 1) % 64)] + 1;
    });
  }
  EXPECT_EQ(values, std::vector<int>(64, 20'000));
}

TEST(ThreadPoolTest, SleepingWorkersWakeUp) {
  ThreadPool pool(3);
  for (int job = 0; job < 20; ++job) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // longer than the workers spin
    std::atomic<int> done{0};
    pool.parallel_for(10, [&](int, int) { done.fetch_add(1, std::memory_order_relaxed); });
    EXPECT_EQ(done.load(), 10);
  }
}

// More threads than CPUs: workers miss jobs, and join late.
TEST(ThreadPoolTest, ManyWorkersAndShortJobs) {
  ThreadPool pool(16);
  std::vector<int> seen(3, 0);
  for (int job = 0; job < 70'000; ++job) {  // more than the jobs are counted to
    pool.parallel_for(3, [&](int item, int) { ++seen[static_cast<std::size_t>(item)]; });
  }
  EXPECT_EQ(seen, std::vector<int>(3, 70'000));
}

TEST(ThreadPoolTest, PoolsComeAndGo) {
  for (int i = 0; i < 200; ++i) {
    ThreadPool pool(4);
    if (i % 2 == 0) pool.parallel_for(4, [](int, int) {});
  }
}

TEST(ThreadPoolTest, WorkersHaveTheDefaultFloatEnvironment) {
  ThreadPool pool(4);
  std::vector<int> is_default(256, 0);
  pool.parallel_for(256, [&](int item, int) {
    is_default[static_cast<std::size_t>(item)] = float_environment_is_default() ? 1 : 0;
  });
  EXPECT_EQ(is_default, std::vector<int>(256, 1));
}

TEST(ThreadPoolTest, CountsAtLeastOneCpu) {
  EXPECT_GE(available_cpus(), 1);
  EXPECT_LE(available_cpus(), static_cast<int>(std::thread::hardware_concurrency()));
}

TEST(FloatEnvironmentTest, FindsFlushToZeroAndOtherRounding) {
  set_default_float_environment();
  EXPECT_TRUE(float_environment_is_default());
#if defined(__x86_64__)
  for (const unsigned changed :
       {0x9f80u, 0x1fc0u, 0x3f80u, 0x5f80u, 0x7f80u}) {  // FTZ, DAZ, down, up, to zero
    __builtin_ia32_ldmxcsr(changed);
    const bool found = !float_environment_is_default();
    set_default_float_environment();
    EXPECT_TRUE(found) << std::hex << changed;
  }
#endif
  EXPECT_TRUE(float_environment_is_default());
}

}  // namespace
}  // namespace isobatch
