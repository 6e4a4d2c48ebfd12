// The part of ExpressionParser that reads literals, names and what may follow a value.
#include <fmt/format.h>

#include <utility>

#include "text/jinja/expression_parser.h"

namespace isobatch::text::jinja {
namespace {

Value constant(std::string_view name) {
  if (name == "true" || name == "True") return true;
  if (name == "false" || name == "False") return false;
  if (name == "none" || name == "None") return None{};
  return {};
}

}  // namespace

ExpressionPtr ExpressionParser::parse_primary() {
  const Token& token = tokens_.peek();
  const Position position = token.position;
  switch (token.kind) {
    case TokenKind::name: {
      std::string name = tokens_.next().text;
      if (Value value = constant(name); !value.is_undefined())
        return make_expression(position, Literal{value});
      return make_expression(position, Name{std::move(name)});
    }
    case TokenKind::string: {
      std::string text;
      while (tokens_.peek().kind == TokenKind::string) text += tokens_.next().text;
      return make_expression(position, Literal{make_string(std::move(text))});
    }
    case TokenKind::integer:
      return make_expression(position, Literal{tokens_.next().integer});
    case TokenKind::floating:
      return make_expression(position, Literal{tokens_.next().floating});
    case TokenKind::symbol:
      if (token.text == "(") return parse_parentheses();
      if (token.text == "[") return parse_list();
      if (token.text == "{") return parse_dict();
      [[fallthrough]];
    default:
      tokens_.unexpected("an expression");
  }
}

ExpressionPtr ExpressionParser::parse_parentheses() {
  const Position position = tokens_.peek().position;
  tokens_.expect_symbol("(");
  if (tokens_.skip_symbol(")")) return make_expression(position, ListLiteral{{}, true});
  ExpressionPtr value = parse_tuple();
  tokens_.expect_symbol(")");
  return value;
}

ExpressionPtr ExpressionParser::parse_list() {
  const Position position = tokens_.peek().position;
  tokens_.expect_symbol("[");
  ListLiteral list{{}, false};
  while (!tokens_.skip_symbol("]")) {
    list.items.push_back(parse());
    if (!tokens_.peek().is_symbol("]")) tokens_.expect_symbol(",");
  }
  return make_expression(position, std::move(list));
}

ExpressionPtr ExpressionParser::parse_dict() {
  const Position position = tokens_.peek().position;
  tokens_.expect_symbol("{");
  DictLiteral dict;
  while (!tokens_.skip_symbol("}")) {
    ExpressionPtr key = parse();
    tokens_.expect_symbol(":");
    dict.items.emplace_back(std::move(key), parse());
    if (!tokens_.peek().is_symbol("}")) tokens_.expect_symbol(",");
  }
  return make_expression(position, std::move(dict));
}

ExpressionPtr ExpressionParser::parse_postfix(ExpressionPtr value) {
  for (;;) {
    const Position position = tokens_.peek().position;
    if (tokens_.skip_symbol(".")) {
      if (tokens_.peek().kind == TokenKind::integer) {
        ExpressionPtr index = make_expression(position, Literal{tokens_.next().integer});
        value = make_expression(position, Subscript{std::move(value), std::move(index)});
      } else {
        value = make_expression(position, Attribute{std::move(value), tokens_.expect_identifier()});
      }
    } else if (tokens_.peek().is_symbol("[")) {
      value = parse_subscript(std::move(value));
    } else if (tokens_.peek().is_symbol("(")) {
      value = make_expression(position, FunctionCall{std::move(value), parse_arguments()});
    } else {
      return value;
    }
  }
}

ExpressionPtr ExpressionParser::parse_subscript(ExpressionPtr object) {
  const Position position = tokens_.peek().position;
  tokens_.expect_symbol("[");
  const auto part = [&]() -> ExpressionPtr {
    return tokens_.peek().is_symbol(":") || tokens_.peek().is_symbol("]") ? nullptr : parse();
  };
  if (tokens_.peek().is_symbol("]")) tokens_.unexpected("an expression");
  ExpressionPtr start = part();
  if (tokens_.skip_symbol("]"))
    return make_expression(position, Subscript{std::move(object), std::move(start)});
  tokens_.expect_symbol(":");
  ExpressionPtr stop = part();
  ExpressionPtr step = tokens_.skip_symbol(":") ? part() : nullptr;
  tokens_.expect_symbol("]");
  return make_expression(position,
                         Slice{std::move(object), std::move(start), std::move(stop), std::move(step)});
}

CallArguments ExpressionParser::parse_arguments() {
  tokens_.expect_symbol("(");
  CallArguments arguments;
  while (!tokens_.skip_symbol(")")) {
    const Position position = tokens_.peek().position;
    if (tokens_.peek().is_symbol("*") || tokens_.peek().is_symbol("**")) {
      fail(ErrorCode::unsupported, position, "* and ** in arguments are not supported");
    }
    if (tokens_.peek().kind == TokenKind::name && tokens_.peek(1).is_symbol("=")) {
      std::string name = tokens_.expect_identifier();
      tokens_.expect_symbol("=");
      arguments.named.emplace_back(std::move(name), parse());
    } else {
      if (!arguments.named.empty())
        syntax_error(position, "an argument without a name follows one with a name");
      arguments.positional.push_back(parse());
    }
    if (!tokens_.peek().is_symbol(")")) tokens_.expect_symbol(",");
  }
  return arguments;
}

}  // namespace isobatch::text::jinja
