// A Jinja template: parsed once, rendered often, from several threads at once if need be.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/context.h"

namespace isobatch::text::jinja {

class Template {
 public:
  // Makes the variables that the template starts with.
  using Variables = std::vector<std::pair<std::string, Value>>;
  using MakeVariables = std::function<Variables(Context& context)>;

  // Throws what parse() throws.
  explicit Template(std::string_view source);

  // Throws Error: invalid_argument (raise_exception, an operation that its values do not have, a bound that
  // is passed), unsupported (a function or method that is not known).
  std::string render(const MakeVariables& make_variables) const;

 private:
  Block block_;
};

}  // namespace isobatch::text::jinja
