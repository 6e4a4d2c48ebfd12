#include "tests/invariance/property.h"

#include <gtest/gtest.h>
#include <rapidcheck/detail/TestListenerAdapter.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace isobatch::invariance {
namespace {

// RapidCheck's own, with a seed of ours where RC_PARAMS names none. RapidCheck prints it when it is first
// read.
const rc::detail::TestParams& parameters() {
  static const bool seeded = [] {
    const char* given = std::getenv("RC_PARAMS");
    const std::string text = given != nullptr ? given : "";
    return text.find("seed=") != std::string::npos ||
           setenv("RC_PARAMS", (text + " seed=20240229").c_str(), 1) == 0;
  }();
  static_cast<void>(seeded);
  return rc::detail::configuration().testParams;
}

}  // namespace

Verdict check(const std::string& name, int cases, bool exact, const std::function<void()>& property) {
  rc::detail::TestParams params = parameters();
  params.maxSuccess = exact ? cases : std::max(1, cases * params.maxSuccess / 100);
  params.disableShrinking = params.disableShrinking || exact;
  const rc::detail::TestMetadata metadata{name, name};
  rc::detail::TestListenerAdapter silent;  // the default one prints how to reproduce what is meant to fail
  const rc::detail::TestResult result = exact ? rc::detail::checkTestable(property, metadata, params, silent)
                                              : rc::detail::checkTestable(property, metadata, params);
  Verdict verdict;
  std::ostringstream report;
  rc::detail::printResultMessage(result, report);
  verdict.report = report.str();
  if (result.is<rc::detail::SuccessResult>()) {
    verdict.holds = true;
    verdict.successes = result.get<rc::detail::SuccessResult>().numSuccess;
  } else if (result.is<rc::detail::FailureResult>()) {
    verdict.successes = result.get<rc::detail::FailureResult>().numSuccess;
  }
  return verdict;
}

void expect_holds(int cases, const std::function<void()>& property) {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  const std::string name = std::string(info->test_suite_name()) + "/" + info->name();
  const Verdict verdict = check(name, cases, false, property);
  if (!verdict.holds) ADD_FAILURE() << verdict.report;
}

}  // namespace isobatch::invariance
