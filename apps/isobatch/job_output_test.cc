// A job that dies anywhere: each beginning of the journal with each beginning of the output that can stand
// beside it, and what a disk may lose.
#include "job_output.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <vector>

#include "isobatch/error.h"
#include "tests/support/temp_dir.h"

namespace isobatch::cli {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

const JobIdentity kIdentity = {{"model", "m"}, {"options", "{}"}};
constexpr int kLines = 6;
// The lines get their records in this order.
const std::vector<int> kFinishing = {2, 0, 1, 5, 4, 3};

std::string record(std::uint64_t index) {
  return fmt::format("record {} {}", index, std::string(index * 3, 'r'));
}
bool fails(std::uint64_t index) { return index == 4; }

class JobOutputTest : public ::testing::Test {
 protected:
  JobOutputTest() {
    std::ofstream(in()) << "a\nb\n\nc\nd\ne\nf\n";
    for (int i = 0; i < kLines; ++i) expected_ += record(i) + "\n";
  }
  std::string in() const { return (folder_ / "in").string(); }
  fs::path out() const { return folder_ / "out"; }
  fs::path part() const { return folder_ / "out.part"; }
  fs::path journal() const { return folder_ / "out.journal"; }

  static std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void write(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }

  std::vector<InputLine> lines() const {
    LineReader reader(in());
    std::vector<InputLine> lines(1);
    while (reader.next(lines.back())) lines.emplace_back();
    lines.pop_back();
    return lines;
  }

  // Asks about all lines and gives those that have none their records, `most` of them.
  void run(JobOutput& output, int most = kLines) {
    std::vector<InputLine> open;
    const std::vector<InputLine> all = lines();
    for (const InputLine& line : all) {
      if (!output.has(line)) open.push_back(line);
    }
    for (const int index : kFinishing) {
      for (const InputLine& line : open) {
        if (line.index != std::uint64_t(index) || most-- <= 0) continue;
        output.put(line, record(line.index), fails(line.index));
        output.flush();
      }
    }
  }

  // What a run that ends here leaves.
  void cut_short(RecordOrder order, int records) {
    JobOutput output(out(), order, false);
    output.begin(kIdentity);
    run(output, records);
  }

  void expect_goes_on(const std::string& what, RecordOrder order = RecordOrder::input) {
    JobOutput output(out(), order, true);
    output.begin(kIdentity);
    run(output);
    output.commit();
    EXPECT_EQ(output.ok(), 5u) << what;
    EXPECT_EQ(output.failed(), 1u) << what;
    EXPECT_FALSE(fs::exists(journal()) || fs::exists(part())) << what;
  }

  std::string error_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  // Thousands of jobs, each of which waits for the disk: better without one.
  test::TempDir folder_{fs::is_directory("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path()};
  std::string expected_;
};

TEST_F(JobOutputTest, WritesInInputOrder) {
  {
    JobOutput output(out(), RecordOrder::input, false);
    output.begin(kIdentity);
    run(output, 3);
    EXPECT_EQ(read(part()), record(0) + "\n" + record(1) + "\n" + record(2) + "\n");
    EXPECT_FALSE(fs::exists(out()));
  }
  expect_goes_on("");
  EXPECT_EQ(read(out()), expected_);
}

TEST_F(JobOutputTest, GoesOnFromAnyMomentOfAnyRun) {
  cut_short(RecordOrder::input, 5);
  const std::string full_journal = read(journal()), full_part = read(part());
  ASSERT_GT(full_part.size(), 20u);
  int states = 0;
  for (std::size_t j = 0; j <= full_journal.size(); ++j) {
    for (std::size_t p = 0; p <= full_part.size();
         p += 1 + p % 5) {  // more was lost than a dying process can
      write(journal(), full_journal.substr(0, j));
      write(part(), full_part.substr(0, p));
      expect_goes_on(fmt::format("journal cut at {}, output at {}", j, p));
      ASSERT_EQ(read(out()), expected_) << "journal cut at " << j << ", output at " << p;
      fs::remove(out());
      ++states;
    }
  }
  std::printf("%d states\n", states);
}

TEST_F(JobOutputTest, GoesOnWhenTheDiskHasLostWhatTheJournalNames) {
  cut_short(RecordOrder::input, 5);
  const std::string full_journal = read(journal()), full_part = read(part());
  for (std::size_t i = 0; i < full_part.size(); i += 3) {
    write(journal(), full_journal);
    std::string damaged = full_part;
    damaged[i] = '\0';
    write(part(), damaged);
    expect_goes_on(fmt::format("output byte {}", i));
    ASSERT_EQ(read(out()), expected_);
  }
  for (std::size_t i = full_journal.find('\n') + 1; i < full_journal.size(); i += 5) {
    std::string damaged = full_journal;
    damaged[i] ^= 4;
    write(journal(), damaged);
    write(part(), full_part);
    fs::remove(out());
    expect_goes_on(fmt::format("journal byte {}", i));
    ASSERT_EQ(read(out()), expected_);
  }
}

TEST_F(JobOutputTest, GoesOnWhileItIsNamed) {
  std::string ended;
  {
    JobOutput output(out(), RecordOrder::input, false);
    output.begin(kIdentity);
    run(output);
    ended = read(journal());
    output.commit();
  }
  JournalEntry entry;
  entry.kind = JournalEntry::Kind::ended;
  entry.output_bytes = expected_.size();
  RunningHash hash;
  hash.add(expected_);
  entry.output_hash = hash.value();
  ended += encode_entry(entry);
  write(journal(), ended);  // died after the renaming
  expect_goes_on("renamed");
  EXPECT_EQ(read(out()), expected_);
  fs::rename(out(), part());
  write(journal(), ended);  // died before it
  expect_goes_on("ended");
  EXPECT_EQ(read(out()), expected_);
  write(journal(), ended);
  write(out(), "of another job\n");
  expect_goes_on("the output has been replaced");
  EXPECT_EQ(read(out()), expected_);
}

TEST_F(JobOutputTest, InTheOrderOfFinishing) {
  for (int records = 0; records <= kLines; ++records) {
    cut_short(RecordOrder::finish, records);
    expect_goes_on(fmt::format("after {} records", records), RecordOrder::finish);
    std::ifstream file(out());
    std::vector<std::string> got, all;
    for (std::string line; std::getline(file, line);) got.push_back(line);
    for (int i = 0; i < kLines; ++i) all.push_back(record(i));
    EXPECT_THAT(got, ::testing::UnorderedElementsAreArray(all));
  }
}

TEST_F(JobOutputTest, RefusesWhatIsNotTheSameJob) {
  cut_short(RecordOrder::input, 4);
  const std::string before = read(journal()) + read(part());
  EXPECT_THAT(error_of([&] { JobOutput(out(), RecordOrder::input, false); }), HasSubstr("--resume"));
  const auto resume = [&](RecordOrder order, const JobIdentity& identity) {
    return error_of([&] {
      JobOutput output(out(), order, true);
      output.begin(identity);
      run(output);
      output.commit();
    });
  };
  EXPECT_THAT(resume(RecordOrder::input, {{"model", "other"}, {"options", "{}"}}),
              HasSubstr("begun with model m, but now it is other"));
  EXPECT_THAT(resume(RecordOrder::finish, kIdentity), HasSubstr("order"));
  write(in(), "a\nB\n\nc\nd\ne\nf\n");
  EXPECT_THAT(resume(RecordOrder::input, kIdentity), HasSubstr("another input"));
  write(in(), "a\n");
  EXPECT_THAT(resume(RecordOrder::input, kIdentity), HasSubstr("another input"));
  EXPECT_EQ(read(journal()) + read(part()), before);
  write(in(), "a\nb\n\nc\nd\ne\nf\n");
  expect_goes_on("after all");
  EXPECT_EQ(read(out()), expected_);
}

TEST_F(JobOutputTest, OneJobAtATime) {
  JobOutput first(out(), RecordOrder::input, false);
  EXPECT_THAT(error_of([&] { JobOutput(out(), RecordOrder::input, true); }), HasSubstr("another job"));
}

TEST_F(JobOutputTest, LeavesNothingWhenNothingWasDone) {
  cut_short(RecordOrder::input, 0);
  EXPECT_FALSE(fs::exists(journal()) || fs::exists(part()) || fs::exists(out()));
}

TEST_F(JobOutputTest, ForeignFilesStay) {
  write(journal(), "Dear diary\n");
  EXPECT_THAT(error_of([&] { JobOutput(out(), RecordOrder::input, true); }), HasSubstr("not a journal"));
  EXPECT_EQ(read(journal()), "Dear diary\n");
}

}  // namespace
}  // namespace isobatch::cli
