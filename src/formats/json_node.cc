#include "formats/json_node.h"

#include <fmt/format.h>

#include <algorithm>

namespace isobatch::formats {
namespace {

constexpr std::size_t kMaxExcerpt = 80;

std::string excerpt(const nlohmann::json& value) {
  std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (text.size() > kMaxExcerpt) text.replace(kMaxExcerpt, text.npos, "…");
  return text;
}

}  // namespace

JsonNode JsonNode::child(const nlohmann::json& value, std::string_view step) const {
  JsonNode node;
  node.value_ = &value;
  node.file_ = file_;
  node.path_ = path_;
  node.path_ += step;
  return node;
}

std::optional<JsonNode> JsonNode::find(std::string_view key) const {
  if (!value_->is_object()) fail_type("an object");
  const auto found = value_->find(std::string(key));
  if (found == value_->end() || found->is_null()) return std::nullopt;
  return child(*found, fmt::format("{}{}", path_.empty() ? "" : ".", key));
}

JsonNode JsonNode::require(std::string_view key) const {
  auto node = find(key);
  if (!node) fail(ErrorCode::corrupt_file, fmt::format("expected the key \"{}\", found none", key));
  return *std::move(node);
}

JsonNode JsonNode::element(std::size_t index) const {
  if (!value_->is_array()) fail_type("an array");
  if (index >= value_->size()) {
    fail(ErrorCode::corrupt_file, fmt::format("expected over {} elements, found {}", index, value_->size()));
  }
  return child((*value_)[index], fmt::format("[{}]", index));
}

std::vector<JsonNode> JsonNode::elements() const {
  if (!value_->is_array()) fail_type("an array");
  std::vector<JsonNode> nodes;
  nodes.reserve(value_->size());
  for (std::size_t i = 0; i < value_->size(); ++i) nodes.push_back(element(i));
  return nodes;
}

const std::string& JsonNode::string() const {
  if (!value_->is_string()) fail_type("a string");
  return value_->get_ref<const std::string&>();
}

bool JsonNode::boolean() const {
  if (!value_->is_boolean()) fail_type("true or false");
  return value_->get<bool>();
}

double JsonNode::number() const {
  if (!value_->is_number()) fail_type("a number");
  return value_->get<double>();
}

std::int64_t JsonNode::integer() const {
  if (!value_->is_number_integer()) fail_type("an integer");
  if (value_->is_number_unsigned() && value_->get<std::uint64_t>() > std::uint64_t{INT64_MAX})
    fail_type("an integer");
  return value_->get<std::int64_t>();
}

std::string JsonNode::string_or(std::string_view key, std::string_view otherwise) const {
  const auto node = find(key);
  return node ? node->string() : std::string(otherwise);
}

bool JsonNode::boolean_or(std::string_view key, bool otherwise) const {
  const auto node = find(key);
  return node ? node->boolean() : otherwise;
}

void JsonNode::allow_only(std::initializer_list<std::string_view> keys) const {
  if (!value_->is_object()) fail_type("an object");
  for (const auto& [key, value] : value_->items()) {
    if (!value.is_null() && std::ranges::find(keys, std::string_view(key)) == keys.end()) {
      fail(ErrorCode::unsupported, fmt::format("the key \"{}\" is not known", key));
    }
  }
}

void JsonNode::fail(ErrorCode code, std::string_view message) const {
  throw Error(code, fmt::format("{}: {}{}{}", *file_, path_, path_.empty() ? "" : ": ", message));
}

void JsonNode::fail_type(std::string_view expected) const {
  fail(ErrorCode::corrupt_file, fmt::format("expected {}, found {}", expected, excerpt(*value_)));
}

void JsonNode::refuse(std::string_view expected) const {
  fail(ErrorCode::unsupported, fmt::format("supported is {}, found {}", expected, excerpt(*value_)));
}

}  // namespace isobatch::formats
