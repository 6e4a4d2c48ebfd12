#include "text/jinja/context.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/operators.h"
#include "text/jinja/python_string.h"

namespace isobatch::text::jinja {
namespace {

int depth_around(int depth, const Value& item) { return std::max(depth, item.depth() + 1); }

}  // namespace

void Context::fail(const std::string& message) const {
  jinja::fail(ErrorCode::invalid_argument, position_, message);
}

void Context::unsupported(const std::string& message) const {
  jinja::fail(ErrorCode::unsupported, position_, message);
}

void Context::spend_steps(std::uint64_t steps) {
  steps_ += steps;
  if (steps_ > kMaxSteps) fail(fmt::format("rendering takes more than {} steps", kMaxSteps));
}

void Context::enter() {
  if (depth_ >= kMaxDepth) fail(fmt::format("expressions and macros are nested deeper than {}", kMaxDepth));
  ++depth_;
}

void Context::spend_bytes(std::uint64_t bytes) {
  if (bytes > kMaxBytes - bytes_) fail(fmt::format("rendering makes more than {} bytes", kMaxBytes));
  bytes_ += bytes;
  spend_steps(bytes / 64);
}

Value Context::string(std::string text) {
  spend_bytes(text.size());
  return make_string(std::move(text));
}

Value Context::list(std::vector<Value> items, bool tuple) {
  spend_bytes(items.size() * sizeof(Value));
  List list{std::move(items), tuple};
  for (const Value& item : list.items) list.depth = depth_around(list.depth, item);
  if (list.depth > kMaxValueDepth) fail(fmt::format("lists are nested deeper than {}", kMaxValueDepth));
  return ListPtr(std::make_shared<const List>(std::move(list)));
}

Value Context::dict(std::vector<std::pair<Value, Value>> items) {
  spend_bytes(items.size() * 2 * sizeof(Value));
  Dict dict;
  for (auto& [key, value] : items) {
    if (key.list() != nullptr || key.dict() != nullptr || key.is_undefined()) {
      fail(fmt::format("a dict's key may not be of type {}", key.type_name()));
    }
    dict.depth = depth_around(dict.depth, value);
    const auto has_key = [&, &name = key](const auto& item) { return equal(*this, item.first, name); };
    const auto same = std::ranges::find_if(dict.items, has_key);
    if (same == dict.items.end()) {
      dict.items.emplace_back(std::move(key), std::move(value));
    } else {
      same->second = std::move(value);
    }
  }
  if (dict.depth > kMaxValueDepth) fail(fmt::format("dicts are nested deeper than {}", kMaxValueDepth));
  return DictPtr(std::make_shared<const Dict>(std::move(dict)));
}

Value Context::name_space() {
  spend_bytes(sizeof(Namespace));
  return &namespaces_.emplace_back();
}

const std::string& Context::require_string(const Value& value, std::string_view what) {
  if (value.string() == nullptr) fail(fmt::format("{}: expected a str, found {}", what, value.type_name()));
  return *value.string();
}

std::int64_t Context::require_integer(const Value& value, std::string_view what) {
  if (value.is_bool()) return std::get<bool>(value.data()) ? 1 : 0;
  if (!value.is_integer()) fail(fmt::format("{}: expected an int, found {}", what, value.type_name()));
  return std::get<std::int64_t>(value.data());
}

ListPtr Context::items(const Value& value) {
  if (ListPtr list = value.shared_list()) return list;
  std::vector<Value> items;
  if (const Dict* dict = value.dict()) {
    for (const auto& item : dict->items) items.push_back(item.first);
  } else if (const std::string* text = value.string()) {
    spend_bytes(text->size() * 2 * sizeof(Value));
    for (const std::string_view c : code_points(*text)) items.push_back(make_string(std::string(c)));
  } else if (!value.is_undefined()) {
    fail(fmt::format("'{}' object is not iterable", value.type_name()));
  }
  return list(std::move(items)).shared_list();
}

void Context::require_defined(const Value& value) const {
  if (value.is_undefined()) fail(fmt::format("{} is undefined", value.undefined_what()));
}

}  // namespace isobatch::text::jinja
