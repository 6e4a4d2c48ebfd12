// Audits as they might have come out, made up: what the tests of tables, pages and gates show.
#pragma once

#include "isobatch/audit/report.h"

namespace isobatch::test {

// Six engines: clean, rounding, faults of all kinds, texts only, and one that did not start.
audit::AuditReport sample_report();

// The first two of them.
audit::AuditReport sample_pair();

// Wilson's interval at 95 %.
audit::Share sample_share(int count, int of);

}  // namespace isobatch::test
