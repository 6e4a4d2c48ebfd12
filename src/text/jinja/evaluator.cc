#include "text/jinja/evaluator.h"

#include <fmt/format.h>

#include <utility>

#include "text/jinja/access.h"
#include "text/jinja/operators.h"

namespace isobatch::text::jinja {

Value Evaluator::evaluate(const Expression& expression) {
  context_.set_position(expression.position);
  context_.spend_steps(1);
  const Depth depth(context_);
  return std::visit([&](const auto& node) { return visit(expression, node); }, expression.node);
}

std::vector<Value> Evaluator::evaluate_all(const std::vector<ExpressionPtr>& expressions) {
  std::vector<Value> values;
  values.reserve(expressions.size());
  for (const ExpressionPtr& expression : expressions) values.push_back(evaluate(*expression));
  return values;
}

Arguments Evaluator::evaluate(const CallArguments& arguments) {
  Arguments values{evaluate_all(arguments.positional), {}};
  for (const auto& [name, expression] : arguments.named)
    values.named.emplace_back(name, evaluate(*expression));
  return values;
}

// Each visit sets the position again after its operands have moved it.

Value Evaluator::visit(const Expression&, const Literal& e) { return e.value; }

Value Evaluator::visit(const Expression&, const Name& e) {
  context_.spend_steps(scopes_.size() / 16);
  const Value* value = scopes_.find(e.name);
  if (value == nullptr && scopes_.in_macro() &&
      (e.name == "varargs" || e.name == "kwargs" || e.name == "caller")) {
    context_.unsupported(fmt::format("\"{}\" in a macro is not supported", e.name));
  }
  if (value != nullptr) return *value;
  if (const Builtin* function = find_function(e.name)) return function;
  return make_undefined(fmt::format("'{}'", e.name));
}

Value Evaluator::visit(const Expression& at, const ListLiteral& e) {
  std::vector<Value> items = evaluate_all(e.items);
  context_.set_position(at.position);
  return context_.list(std::move(items), e.tuple);
}

Value Evaluator::visit(const Expression& at, const DictLiteral& e) {
  std::vector<std::pair<Value, Value>> items;
  for (const auto& [key, value] : e.items) {
    Value name = evaluate(*key);
    items.emplace_back(std::move(name), evaluate(*value));
  }
  context_.set_position(at.position);
  return context_.dict(std::move(items));
}

Value Evaluator::visit(const Expression& at, const Attribute& e) {
  const Value object = evaluate(*e.object);
  context_.set_position(at.position);
  return get_attribute(context_, object, e.name);
}

Value Evaluator::visit(const Expression& at, const Subscript& e) {
  const Value object = evaluate(*e.object), index = evaluate(*e.index);
  context_.set_position(at.position);
  return get_item(context_, object, index);
}

Value Evaluator::visit(const Expression& at, const Slice& e) {
  const auto part = [&](const ExpressionPtr& p) { return p == nullptr ? Value(None{}) : evaluate(*p); };
  const Value object = evaluate(*e.object);
  const Value start = part(e.start), stop = part(e.stop), step = part(e.step);
  context_.set_position(at.position);
  return get_slice(context_, object, start, stop, step);
}

Value Evaluator::visit(const Expression& at, const FunctionCall& e) {
  Value self;
  const Builtin* builtin = nullptr;
  if (const auto* attribute = std::get_if<Attribute>(&e.callee->node)) {
    self = evaluate(*attribute->object);
    context_.set_position(at.position);
    context_.require_defined(self);
    builtin = find_method(self, attribute->name);
    if (builtin == nullptr) {
      context_.unsupported(
          fmt::format("the method \"{}\" of a {} is not known", attribute->name, self.type_name()));
    }
  } else if (const auto* name = std::get_if<Name>(&e.callee->node)) {
    const Value* variable = scopes_.find(name->name);
    if (variable != nullptr && variable->macro() != nullptr) {
      const MacroFunction macro = *variable->macro();
      Arguments arguments = evaluate(e.arguments);
      context_.set_position(at.position);
      return call_macro_(macro, std::move(arguments));
    }
    builtin = variable == nullptr ? find_function(name->name) : variable->function();
    if (builtin == nullptr) context_.unsupported(fmt::format("the function \"{}\" is not known", name->name));
  } else {
    context_.unsupported("only functions and methods can be called");
  }
  Arguments arguments = evaluate(e.arguments);
  context_.set_position(at.position);
  return call(context_, *builtin, self, std::move(arguments));
}

Value Evaluator::visit(const Expression& at, const Filter& e) {
  const Value value = evaluate(*e.value);
  Arguments arguments = evaluate(e.arguments);
  context_.set_position(at.position);
  return call(context_, *e.filter, value, std::move(arguments));
}

Value Evaluator::visit(const Expression& at, const Test& e) {
  const Value value = evaluate(*e.value);
  Arguments arguments = evaluate(e.arguments);
  context_.set_position(at.position);
  return call(context_, *e.test, value, std::move(arguments));
}

Value Evaluator::visit(const Expression&, const Not& e) { return !evaluate(*e.operand).truth(); }

Value Evaluator::visit(const Expression& at, const Negate& e) {
  const Value operand = evaluate(*e.operand);
  context_.set_position(at.position);
  return negate(context_, operand);
}

Value Evaluator::visit(const Expression&, const Logical& e) {
  Value left = evaluate(*e.left);
  return left.truth() == e.is_and ? evaluate(*e.right) : left;
}

Value Evaluator::visit(const Expression& at, const Binary& e) {
  const Value left = evaluate(*e.left), right = evaluate(*e.right);
  context_.set_position(at.position);
  return binary(context_, e.op, left, right);
}

Value Evaluator::visit(const Expression& at, const Comparison& e) {
  Value left = evaluate(*e.first);
  for (const auto& [op, expression] : e.rest) {
    Value right = evaluate(*expression);
    context_.set_position(at.position);
    if (!compare(context_, op, left, right)) return false;
    left = std::move(right);
  }
  return true;
}

Value Evaluator::visit(const Expression&, const Conditional& e) {
  if (evaluate(*e.condition).truth()) return evaluate(*e.value);
  return e.otherwise != nullptr ? evaluate(*e.otherwise) : make_undefined("the value of an if without else");
}

}  // namespace isobatch::text::jinja
