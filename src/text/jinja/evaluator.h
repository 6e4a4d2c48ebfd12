// Expressions to values.
#pragma once

#include <functional>
#include <utility>

#include "text/jinja/ast.h"
#include "text/jinja/context.h"
#include "text/jinja/scopes.h"

namespace isobatch::text::jinja {

class Evaluator {
 public:
  // Renders a macro's call.
  using CallMacro = std::function<Value(const MacroFunction& macro, Arguments arguments)>;

  Evaluator(Context& context, Scopes& scopes, CallMacro call_macro)
      : context_(context), scopes_(scopes), call_macro_(std::move(call_macro)) {}

  Value evaluate(const Expression& expression);

 private:
  Value visit(const Expression& at, const Literal& e);
  Value visit(const Expression& at, const Name& e);
  Value visit(const Expression& at, const ListLiteral& e);
  Value visit(const Expression& at, const DictLiteral& e);
  Value visit(const Expression& at, const Attribute& e);
  Value visit(const Expression& at, const Subscript& e);
  Value visit(const Expression& at, const Slice& e);
  Value visit(const Expression& at, const FunctionCall& e);
  Value visit(const Expression& at, const Filter& e);
  Value visit(const Expression& at, const Test& e);
  Value visit(const Expression& at, const Not& e);
  Value visit(const Expression& at, const Negate& e);
  Value visit(const Expression& at, const Logical& e);
  Value visit(const Expression& at, const Binary& e);
  Value visit(const Expression& at, const Comparison& e);
  Value visit(const Expression& at, const Conditional& e);

  std::vector<Value> evaluate_all(const std::vector<ExpressionPtr>& expressions);
  Arguments evaluate(const CallArguments& arguments);

  Context& context_;
  Scopes& scopes_;
  CallMacro call_macro_;
};

}  // namespace isobatch::text::jinja
