#include "text/jinja/token_stream.h"

#include <fmt/format.h>

namespace isobatch::text::jinja {
namespace {

std::string_view kind_name(TokenKind kind) {
  constexpr std::string_view kNames[] = {"text",
                                         "\"{{\"",
                                         "\"}}\"",
                                         "\"{%\"",
                                         "\"%}\"",
                                         "a name",
                                         "a string",
                                         "a number",
                                         "a number",
                                         "a symbol",
                                         "the template's end"};
  return kNames[static_cast<int>(kind)];
}

}  // namespace

const Token& TokenStream::next() {
  const Token& token = peek();
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool TokenStream::skip_symbol(std::string_view symbol) {
  if (!peek().is_symbol(symbol)) return false;
  next();
  return true;
}

bool TokenStream::skip_name(std::string_view name) {
  if (!peek().is_name(name)) return false;
  next();
  return true;
}

void TokenStream::expect_symbol(std::string_view symbol) {
  if (!skip_symbol(symbol)) unexpected(fmt::format("\"{}\"", symbol));
}

void TokenStream::expect_name(std::string_view name) {
  if (!skip_name(name)) unexpected(fmt::format("\"{}\"", name));
}

void TokenStream::expect(TokenKind kind) {
  if (peek().kind != kind) unexpected(kind_name(kind));
  next();
}

std::string TokenStream::expect_identifier() {
  if (peek().kind != TokenKind::name) unexpected("a name");
  return next().text;
}

void TokenStream::unexpected(std::string_view expected) const {
  const Token& token = peek();
  const bool quoted = token.kind == TokenKind::name || token.kind == TokenKind::symbol;
  syntax_error(token.position,
               fmt::format("expected {}, found {}", expected,
                           quoted ? fmt::format("\"{}\"", token.text) : std::string(kind_name(token.kind))));
}

}  // namespace isobatch::text::jinja
