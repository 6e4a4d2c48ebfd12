// A parsed template.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja/builtin.h"
#include "text/jinja/operators.h"
#include "text/jinja/source.h"
#include "text/jinja/value.h"

namespace isobatch::text::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
};

struct Literal {
  Value value;
};
struct Name {
  std::string name;
};
struct ListLiteral {
  std::vector<ExpressionPtr> items;
  bool tuple;
};
struct DictLiteral {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items;
};
struct Attribute {  // object.name
  ExpressionPtr object;
  std::string name;
};
struct Subscript {  // object[index]
  ExpressionPtr object;
  ExpressionPtr index;
};
struct Slice {  // object[start:stop:step]; what is left out is null
  ExpressionPtr object;
  ExpressionPtr start;
  ExpressionPtr stop;
  ExpressionPtr step;
};
struct FunctionCall {
  ExpressionPtr callee;
  CallArguments arguments;
};
struct Filter {
  ExpressionPtr value;
  const Builtin* filter;
  CallArguments arguments;
};
struct Test {
  ExpressionPtr value;
  const Builtin* test;
  CallArguments arguments;
};
struct Not {
  ExpressionPtr operand;
};
struct Negate {
  ExpressionPtr operand;
};
struct Logical {  // and, or: the value of the operand that decides
  bool is_and;
  ExpressionPtr left;
  ExpressionPtr right;
};
struct Binary {
  BinaryOp op;
  ExpressionPtr left;
  ExpressionPtr right;
};
struct Comparison {  // a < b < c: every neighbouring pair
  ExpressionPtr first;
  std::vector<std::pair<CompareOp, ExpressionPtr>> rest;
};
struct Conditional {  // value if condition else otherwise (may be null)
  ExpressionPtr condition;
  ExpressionPtr value;
  ExpressionPtr otherwise;
};

using ExpressionNode =
    std::variant<Literal, Name, ListLiteral, DictLiteral, Attribute, Subscript, Slice, FunctionCall, Filter,
                 Test, Not, Negate, Logical, Binary, Comparison, Conditional>;

struct Expression {
  Position position;
  int depth;  // 1 + that of its deepest child
  ExpressionNode node;
};

inline constexpr int kMaxExpressionDepth = 300;  // what walks the tree recurses that far

// Throws Error(unsupported) when the tree gets deeper than the bound.
ExpressionPtr make_expression(Position position, ExpressionNode node);

struct Statement;
using Block = std::vector<Statement>;

// What for and set assign to: a name, several names (unpacking), or an attribute of a namespace.
struct Target {
  std::vector<std::string> names;
  bool unpack = false;
  std::string attribute;
};

struct Text {
  std::string text;
};
struct Output {
  ExpressionPtr value;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Block>> branches;
  Block otherwise;
};
struct For {
  Target target;
  ExpressionPtr items;
  ExpressionPtr condition;  // null: all items
  Block body;
  Block otherwise;
};
inline constexpr std::string_view kBlockText = " text";  // no name of a template
struct Set {
  Target target;
  ExpressionPtr value;  // null: the text of `body`
  Block body;
  ExpressionPtr filtered;  // null, or filters of that text, which is the variable kBlockText
};
struct Macro {
  std::string name;
  std::vector<std::pair<std::string, ExpressionPtr>> parameters;  // with the default, or null
  Block body;
};
struct Scope {  // {% generation %}: what it sets stays within
  Block body;
};
struct Break {};
struct Continue {};

struct Statement {
  Position position;
  std::variant<Text, Output, If, For, Set, Macro, Scope, Break, Continue> node;
};

}  // namespace isobatch::text::jinja
