#include "text/jinja/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "text/jinja/expression_parser.h"

namespace isobatch::text::jinja {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view source) : tokens_(tokenize(source)), expressions_(tokens_) {}

  Block run() {
    Block block = parse_until({});
    if (tokens_.peek().kind != TokenKind::end) unknown_tag();
    return block;
  }

 private:
  // Statements up to a tag of one of these names, of which the name has not been read, or the end.
  Block parse_until(std::initializer_list<std::string_view> ends) {
    const Nesting nesting(depth_, tokens_.peek().position);
    Block block;
    for (;;) {
      const Token& token = tokens_.peek();
      const Position position = token.position;
      if (token.kind == TokenKind::end) {
        if (ends.size() > 0) tokens_.unexpected(fmt::format("\"{}\"", *(ends.end() - 1)));
        return block;
      }
      if (token.kind == TokenKind::text) {
        block.push_back({position, Text{tokens_.next().text}});
      } else if (token.kind == TokenKind::output_begin) {
        tokens_.next();
        block.push_back({position, Output{expressions_.parse_tuple()}});
        tokens_.expect(TokenKind::output_end);
      } else {
        tokens_.expect(TokenKind::block_begin);
        if (std::ranges::any_of(ends, [&](std::string_view end) { return tokens_.peek().is_name(end); }))
          return block;
        block.push_back(parse_tag());
      }
    }
  }

  Statement parse_tag() {
    const Position position = tokens_.peek().position;
    if (tokens_.skip_name("if")) return {position, parse_if()};
    if (tokens_.skip_name("for")) return {position, parse_for()};
    if (tokens_.skip_name("set")) return {position, parse_set()};
    if (tokens_.skip_name("macro")) return {position, parse_macro(position)};
    if (tokens_.skip_name("generation")) return {position, parse_generation()};
    if (loops_ > 0 && tokens_.skip_name("break")) return end_tag(), Statement{position, Break{}};
    if (loops_ > 0 && tokens_.skip_name("continue")) return end_tag(), Statement{position, Continue{}};
    unknown_tag();
  }

  [[noreturn]] void unknown_tag() {
    constexpr std::string_view kOutOfPlace[] = {"else",  "elif",     "endif",    "endfor",       "endset",
                                                "break", "continue", "endmacro", "endgeneration"};
    const Position position = tokens_.peek().position;
    const std::string name = tokens_.expect_identifier();
    if (std::ranges::find(kOutOfPlace, name) != std::end(kOutOfPlace)) {
      syntax_error(position, fmt::format("the tag \"{}\" is out of place", name));
    }
    fail(ErrorCode::unsupported, position, fmt::format("the tag \"{}\" is not supported", name));
  }

  void end_tag() { tokens_.expect(TokenKind::block_end); }

  If parse_if() {
    If statement;
    do {
      ExpressionPtr condition = expressions_.parse_tuple();
      end_tag();
      statement.branches.emplace_back(std::move(condition), parse_until({"elif", "else", "endif"}));
    } while (tokens_.skip_name("elif"));
    if (tokens_.skip_name("else")) {
      end_tag();
      statement.otherwise = parse_until({"endif"});
    }
    tokens_.expect_name("endif");
    end_tag();
    return statement;
  }

  For parse_for() {
    For statement;
    statement.target = parse_names();
    tokens_.expect_name("in");
    statement.items = expressions_.parse_tuple(false);
    if (tokens_.skip_name("if")) statement.condition = expressions_.parse();
    if (tokens_.peek().is_name("recursive")) {
      fail(ErrorCode::unsupported, tokens_.peek().position, "recursive loops are not supported");
    }
    end_tag();
    ++loops_;
    statement.body = parse_until({"else", "endfor"});
    --loops_;
    if (tokens_.skip_name("else")) {
      end_tag();
      statement.otherwise = parse_until({"endfor"});
    }
    tokens_.expect_name("endfor");
    end_tag();
    return statement;
  }

  Set parse_set() {
    Set statement;
    statement.target = parse_names();
    if (!statement.target.unpack && tokens_.skip_symbol(".")) {
      statement.target.attribute = tokens_.expect_identifier();
    }
    if (tokens_.skip_symbol("=")) {
      statement.value = expressions_.parse_tuple();
      end_tag();
      return statement;
    }
    if (tokens_.peek().is_symbol("|")) {
      statement.filtered =
          expressions_.parse_filters(make_expression(tokens_.peek().position, Name{std::string(kBlockText)}));
    }
    end_tag();
    const int loops = std::exchange(loops_, 0);  // the block is no place to leave a loop from
    statement.body = parse_until({"endset"});
    loops_ = loops;
    tokens_.expect_name("endset");
    end_tag();
    return statement;
  }

  Macro parse_macro(Position position) {
    if (in_macro_) fail(ErrorCode::unsupported, position, "a macro in a macro is not supported");
    Macro macro;
    macro.name = parse_name();
    tokens_.expect_symbol("(");
    while (!tokens_.skip_symbol(")")) {
      const Position at = tokens_.peek().position;
      std::string name = parse_name();
      const bool known =
          std::ranges::any_of(macro.parameters, [&](const auto& p) { return p.first == name; });
      if (known) syntax_error(at, fmt::format("the parameter \"{}\" stands there twice", name));
      ExpressionPtr otherwise = tokens_.skip_symbol("=") ? expressions_.parse() : nullptr;
      if (otherwise == nullptr && !macro.parameters.empty() && macro.parameters.back().second != nullptr) {
        syntax_error(at, "a parameter without a default follows one with a default");
      }
      macro.parameters.emplace_back(std::move(name), std::move(otherwise));
      if (!tokens_.peek().is_symbol(")")) tokens_.expect_symbol(",");
    }
    end_tag();
    const int loops = std::exchange(loops_, 0);
    in_macro_ = true;
    macro.body = parse_until({"endmacro"});
    in_macro_ = false;
    loops_ = loops;
    tokens_.expect_name("endmacro");
    end_tag();
    return macro;
  }

  Scope parse_generation() {
    end_tag();
    const int loops = std::exchange(loops_, 0);
    Scope scope{parse_until({"endgeneration"})};
    loops_ = loops;
    tokens_.expect_name("endgeneration");
    end_tag();
    return scope;
  }

  // "a", "a, b" or "(a, b)".
  Target parse_names() {
    Target target;
    const bool parentheses = tokens_.skip_symbol("(");
    do {
      if (!target.names.empty() && tokens_.peek().kind != TokenKind::name) break;  // a comma at the end
      target.names.push_back(parse_name());
      if (tokens_.peek().is_symbol(",")) target.unpack = true;
    } while (tokens_.skip_symbol(","));
    if (parentheses) tokens_.expect_symbol(")");
    return target;
  }

  std::string parse_name() {
    constexpr std::string_view kConstants[] = {"true", "True", "false", "False", "none", "None"};
    const Position position = tokens_.peek().position;
    std::string name = tokens_.expect_identifier();
    if (std::ranges::find(kConstants, name) != std::end(kConstants)) {
      syntax_error(position, fmt::format("cannot assign to \"{}\"", name));
    }
    return name;
  }

  TokenStream tokens_;
  ExpressionParser expressions_;
  int depth_ = 0;
  int loops_ = 0;
  bool in_macro_ = false;
};

}  // namespace

Block parse(std::string_view source) { return Parser(source).run(); }

}  // namespace isobatch::text::jinja
