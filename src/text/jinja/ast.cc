#include "text/jinja/ast.h"

#include <fmt/format.h>

#include <algorithm>

namespace isobatch::text::jinja {
namespace {

struct DepthBelow {
  template <typename... Children>
  static int deepest(const Children&... children) {
    return std::max({0, depth(children)...});
  }
  static int depth(const ExpressionPtr& e) { return e == nullptr ? 0 : e->depth; }
  template <typename First, typename Second>
  static int depth(const std::pair<First, Second>& pair) {
    return deepest(pair.first, pair.second);
  }
  static int depth(const std::string&) { return 0; }
  static int depth(CompareOp) { return 0; }
  template <typename Item>
  static int depth(const std::vector<Item>& items) {
    int deepest = 0;
    for (const Item& item : items) deepest = std::max(deepest, depth(item));
    return deepest;
  }
  static int depth(const CallArguments& arguments) { return deepest(arguments.positional, arguments.named); }

  int operator()(const Literal&) const { return 0; }
  int operator()(const Name&) const { return 0; }
  int operator()(const ListLiteral& e) const { return depth(e.items); }
  int operator()(const DictLiteral& e) const { return depth(e.items); }
  int operator()(const Attribute& e) const { return depth(e.object); }
  int operator()(const Subscript& e) const { return deepest(e.object, e.index); }
  int operator()(const Slice& e) const { return deepest(e.object, e.start, e.stop, e.step); }
  int operator()(const FunctionCall& e) const { return deepest(e.callee, e.arguments); }
  int operator()(const Filter& e) const { return deepest(e.value, e.arguments); }
  int operator()(const Test& e) const { return deepest(e.value, e.arguments); }
  int operator()(const Not& e) const { return depth(e.operand); }
  int operator()(const Negate& e) const { return depth(e.operand); }
  int operator()(const Logical& e) const { return deepest(e.left, e.right); }
  int operator()(const Binary& e) const { return deepest(e.left, e.right); }
  int operator()(const Comparison& e) const { return deepest(e.first, e.rest); }
  int operator()(const Conditional& e) const { return deepest(e.condition, e.value, e.otherwise); }
};

}  // namespace

ExpressionPtr make_expression(Position position, ExpressionNode node) {
  const int depth = 1 + std::visit(DepthBelow(), node);
  if (depth > kMaxExpressionDepth) {
    fail(ErrorCode::unsupported, position,
         fmt::format("an expression of more than {} levels", kMaxExpressionDepth));
  }
  return std::make_unique<Expression>(Expression{position, depth, std::move(node)});
}

}  // namespace isobatch::text::jinja
