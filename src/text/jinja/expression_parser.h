// Expressions, by recursive descent; the precedence is Jinja's:
// if-else, or, and, not, comparisons, + -, ~, * / // %, unary - +, postfix, filters and tests.
#pragma once

#include "text/jinja/ast.h"
#include "text/jinja/token_stream.h"

namespace isobatch::text::jinja {

// Bounds the parser's recursion.
class Nesting {
 public:
  Nesting(int& depth, Position position);
  ~Nesting() { --depth_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  int& depth_;
};

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& tokens) : tokens_(tokens) {}

  ExpressionPtr parse();
  // "a, b" without parentheses is a tuple. `conditional` false: stops before `if`.
  ExpressionPtr parse_tuple(bool conditional = true);
  // "| a | b(1)" after `value`.
  ExpressionPtr parse_filters(ExpressionPtr value);

 private:
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  ExpressionPtr parse_comparison();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concatenation();
  ExpressionPtr parse_product();
  ExpressionPtr parse_unary(bool with_filters);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_postfix(ExpressionPtr value);
  ExpressionPtr parse_subscript(ExpressionPtr object);
  ExpressionPtr parse_filters_and_tests(ExpressionPtr value);
  ExpressionPtr parse_filter(ExpressionPtr value);
  ExpressionPtr parse_test(ExpressionPtr value);
  ExpressionPtr parse_parentheses();
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  CallArguments parse_arguments();

  TokenStream& tokens_;
  int depth_ = 0;
};

}  // namespace isobatch::text::jinja
