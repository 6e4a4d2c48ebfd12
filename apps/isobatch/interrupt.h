#pragma once

namespace isobatch::cli {

// From the call on, the first SIGINT or SIGTERM only sets a flag; the job looks at it between steps. One that
// comes seconds later ends the process; at once it does not, as one key press may send two. A closed pipe and
// a file that may not grow are errors of the call that meets them.
void catch_interrupts();
bool interrupted();

}  // namespace isobatch::cli
