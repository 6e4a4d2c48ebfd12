#include "text/jinja/expression_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace isobatch::text::jinja {
namespace {

constexpr int kMaxNesting = 100;

template <typename Op>
struct OpName {
  std::string_view symbol;
  Op op;
};

constexpr OpName<BinaryOp> kSums[] = {{"+", BinaryOp::add}, {"-", BinaryOp::subtract}};
constexpr OpName<BinaryOp> kProducts[] = {{"*", BinaryOp::multiply},
                                          {"/", BinaryOp::divide},
                                          {"//", BinaryOp::floor_divide},
                                          {"%", BinaryOp::modulo}};
constexpr OpName<CompareOp> kComparisons[] = {{"==", CompareOp::equal},  {"!=", CompareOp::not_equal},
                                              {"<", CompareOp::less},    {"<=", CompareOp::less_equal},
                                              {">", CompareOp::greater}, {">=", CompareOp::greater_equal}};

template <typename Op, std::size_t n>
const OpName<Op>* find_op(const OpName<Op> (&ops)[n], const Token& token) {
  const auto found = std::ranges::find_if(ops, [&](const auto& op) { return token.is_symbol(op.symbol); });
  return found == std::end(ops) ? nullptr : &*found;
}

}  // namespace

Nesting::Nesting(int& depth, Position position) : depth_(depth) {
  if (depth_ >= kMaxNesting) {
    fail(ErrorCode::unsupported, position, fmt::format("nesting deeper than {} levels", kMaxNesting));
  }
  ++depth_;
}

ExpressionPtr ExpressionParser::parse() {
  const Position position = tokens_.peek().position;
  const Nesting nesting(depth_, position);
  ExpressionPtr value = parse_or();
  while (tokens_.skip_name("if")) {
    ExpressionPtr condition = parse_or();
    ExpressionPtr otherwise = tokens_.skip_name("else") ? parse() : nullptr;
    value =
        make_expression(position, Conditional{std::move(condition), std::move(value), std::move(otherwise)});
  }
  return value;
}

ExpressionPtr ExpressionParser::parse_tuple(bool conditional) {
  const Position position = tokens_.peek().position;
  const auto item = [&] { return conditional ? parse() : parse_or(); };
  ExpressionPtr first = item();
  if (!tokens_.peek().is_symbol(",")) return first;
  ListLiteral tuple{{}, true};
  tuple.items.push_back(std::move(first));
  while (tokens_.skip_symbol(",")) {
    const Token& token = tokens_.peek();
    if (token.kind == TokenKind::block_end || token.kind == TokenKind::output_end || token.is_symbol(")"))
      break;
    tuple.items.push_back(item());
  }
  return make_expression(position, std::move(tuple));
}

ExpressionPtr ExpressionParser::parse_or() {
  ExpressionPtr left = parse_and();
  while (tokens_.peek().is_name("or")) {
    const Position position = tokens_.next().position;
    ExpressionPtr right = parse_and();
    left = make_expression(position, Logical{false, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_and() {
  ExpressionPtr left = parse_not();
  while (tokens_.peek().is_name("and")) {
    const Position position = tokens_.next().position;
    ExpressionPtr right = parse_not();
    left = make_expression(position, Logical{true, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_not() {
  const Position position = tokens_.peek().position;
  const Nesting nesting(depth_, position);
  if (tokens_.skip_name("not")) return make_expression(position, Not{parse_not()});
  return parse_comparison();
}

ExpressionPtr ExpressionParser::parse_comparison() {
  const Position position = tokens_.peek().position;
  ExpressionPtr first = parse_sum();
  std::vector<std::pair<CompareOp, ExpressionPtr>> rest;
  for (;;) {
    if (const auto* op = find_op(kComparisons, tokens_.peek())) {
      tokens_.next();
      rest.emplace_back(op->op, parse_sum());
    } else if (tokens_.skip_name("in")) {
      rest.emplace_back(CompareOp::in, parse_sum());
    } else if (tokens_.peek().is_name("not") && tokens_.peek(1).is_name("in")) {
      tokens_.next();
      tokens_.next();
      rest.emplace_back(CompareOp::not_in, parse_sum());
    } else {
      break;
    }
  }
  if (rest.empty()) return first;
  return make_expression(position, Comparison{std::move(first), std::move(rest)});
}

ExpressionPtr ExpressionParser::parse_sum() {
  ExpressionPtr left = parse_concatenation();
  while (const auto* op = find_op(kSums, tokens_.peek())) {
    const Position position = tokens_.next().position;
    ExpressionPtr right = parse_concatenation();
    left = make_expression(position, Binary{op->op, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_concatenation() {
  ExpressionPtr left = parse_product();
  while (tokens_.peek().is_symbol("~")) {
    const Position position = tokens_.next().position;
    ExpressionPtr right = parse_product();
    left = make_expression(position, Binary{BinaryOp::concatenate, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_product() {
  ExpressionPtr left = parse_unary(true);
  while (const auto* op = find_op(kProducts, tokens_.peek())) {
    const Position position = tokens_.next().position;
    ExpressionPtr right = parse_unary(true);
    left = make_expression(position, Binary{op->op, std::move(left), std::move(right)});
  }
  if (tokens_.peek().is_symbol("**")) {
    fail(ErrorCode::unsupported, tokens_.peek().position, "the operator ** is not supported");
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_unary(bool with_filters) {
  const Position position = tokens_.peek().position;
  const Nesting nesting(depth_, position);
  ExpressionPtr value;
  if (tokens_.skip_symbol("-")) {
    value = make_expression(position, Negate{parse_unary(false)});
  } else if (tokens_.skip_symbol("+")) {
    value = parse_unary(false);
  } else {
    value = parse_primary();
  }
  value = parse_postfix(std::move(value));
  return with_filters ? parse_filters_and_tests(std::move(value)) : std::move(value);
}

ExpressionPtr ExpressionParser::parse_filters_and_tests(ExpressionPtr value) {
  for (;;) {
    const Token& token = tokens_.peek();
    if (token.is_symbol("|")) {
      value = parse_filter(std::move(value));
    } else if (token.is_name("is")) {
      value = parse_test(std::move(value));
    } else if (token.is_symbol("(")) {
      const Position position = token.position;
      value = make_expression(position, FunctionCall{std::move(value), parse_arguments()});
    } else {
      return value;
    }
  }
}

ExpressionPtr ExpressionParser::parse_filters(ExpressionPtr value) {
  while (tokens_.peek().is_symbol("|")) value = parse_filter(std::move(value));
  return value;
}

ExpressionPtr ExpressionParser::parse_filter(ExpressionPtr value) {
  tokens_.expect_symbol("|");
  const Position position = tokens_.peek().position;
  const std::string name = tokens_.expect_identifier();
  const Builtin* filter = find_filter(name);
  if (filter == nullptr)
    fail(ErrorCode::unsupported, position, fmt::format("the filter \"{}\" is not known", name));
  CallArguments arguments = tokens_.peek().is_symbol("(") ? parse_arguments() : CallArguments{};
  return make_expression(position, Filter{std::move(value), filter, std::move(arguments)});
}

// An argument may follow without parentheses: "x is divisibleby 3".
ExpressionPtr ExpressionParser::parse_test(ExpressionPtr value) {
  tokens_.expect_name("is");
  const bool negated = tokens_.skip_name("not");
  const Position position = tokens_.peek().position;
  const std::string name = tokens_.expect_identifier();
  const Builtin* test = find_test(name);
  if (test == nullptr)
    fail(ErrorCode::unsupported, position, fmt::format("the test \"{}\" is not known", name));
  CallArguments arguments;
  const Token& token = tokens_.peek();
  const bool word =
      token.kind == TokenKind::name && token.text != "else" && token.text != "or" && token.text != "and";
  if (token.is_symbol("(")) {
    arguments = parse_arguments();
  } else if (word || token.kind == TokenKind::string || token.kind == TokenKind::integer ||
             token.kind == TokenKind::floating || token.is_symbol("[") || token.is_symbol("{")) {
    if (token.is_name("is")) syntax_error(token.position, "tests cannot follow one another");
    arguments.positional.push_back(parse_postfix(parse_primary()));
  }
  ExpressionPtr result = make_expression(position, Test{std::move(value), test, std::move(arguments)});
  return negated ? make_expression(position, Not{std::move(result)}) : std::move(result);
}

}  // namespace isobatch::text::jinja
