// A value of a JSON file with the path that leads to it, for messages: "model/tokenizer.json:
// pre_tokenizer.type".
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "isobatch/error.h"

namespace isobatch::formats {

// All of its functions throw Error(corrupt_file) when a value has another type. A key that is null counts as
// absent. The JSON must outlive the node.
class JsonNode {
 public:
  JsonNode(const nlohmann::json& value, std::string file)
      : value_(&value), file_(std::make_shared<const std::string>(std::move(file))) {}

  const nlohmann::json& value() const { return *value_; }

  std::optional<JsonNode> find(std::string_view key) const;
  JsonNode require(std::string_view key) const;
  std::vector<JsonNode> elements() const;  // of an array
  JsonNode element(std::size_t index) const;

  const std::string& string() const;
  bool boolean() const;
  double number() const;
  std::int64_t integer() const;

  std::string string_or(std::string_view key, std::string_view otherwise) const;
  bool boolean_or(std::string_view key, bool otherwise) const;
  // The type that tells objects apart: the string at "type".
  const std::string& type() const { return require("type").string(); }
  // Error(unsupported) when there is another key than these.
  void allow_only(std::initializer_list<std::string_view> keys) const;

  [[noreturn]] void fail(ErrorCode code, std::string_view message) const;
  [[noreturn]] void fail_type(std::string_view expected) const;
  // "cannot be honoured": `expected` says what could.
  [[noreturn]] void refuse(std::string_view expected) const;

 private:
  JsonNode() = default;
  JsonNode child(const nlohmann::json& value, std::string_view step) const;
  const nlohmann::json* value_ = nullptr;
  std::shared_ptr<const std::string> file_;
  std::string path_;
};

}  // namespace isobatch::formats
