#pragma once

namespace isobatch::cli {

// From the call on, SIGINT and SIGTERM only set a flag; the job looks at it between steps.
void catch_interrupts();
bool interrupted();

}  // namespace isobatch::cli
