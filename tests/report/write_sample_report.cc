// Writes the made-up audits as pages, for the browser test:  write_sample_report FOLDER
#include <fstream>
#include <iostream>

#include "isobatch/audit/render.h"
#include "tests/support/sample_report.h"

int main(int argc, char** argv) {
  using namespace isobatch;
  if (argc != 2) {
    std::cerr << "usage: write_sample_report FOLDER\n";
    return 2;
  }
  const std::string folder = std::string(argv[1]) + "/";
  const auto write = [&](const char* name, const std::string& page) { std::ofstream(folder + name) << page; };

  const audit::AuditReport all = test::sample_report(), pair = test::sample_pair();
  audit::AuditReport earlier = pair;
  earlier.created = "2025-12-24T18:00:00Z";
  earlier.engines[1].comparisons[7].measures.differ = test::sample_share(1, 40);
  audit::Judgement judgement;
  judgement.gated = true;
  judgement.baseline = audit::compare_with_baseline(pair, earlier);
  judgement.failures = audit::failures(pair, std::vector{audit::parse_fail_rule("flips>5%")});
  write("all.html", audit::to_html(all));
  write("pair.html", audit::to_html(pair, judgement));
  write("empty.html", audit::to_html({}));
  write("all.json", audit::to_json(all));
  std::cout << audit::to_text(pair, 100, false, judgement);
}
