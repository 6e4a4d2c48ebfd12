#include "openai/json_value.h"

#include <limits>
#include <utility>

#include "openai/json_object.h"

namespace isobatch::openai {
namespace {

// Builds a Value of a text that parse_json() has accepted.
class Builder : public nlohmann::json_sax<Json> {
 public:
  Value take() { return std::move(root_); }

  bool null() override { return put({}); }
  bool boolean(bool value) override { return put({value}); }
  bool number_integer(number_integer_t value) override { return put({std::int64_t{value}}); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value <= std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
      return put({static_cast<std::int64_t>(value)});
    }
    return put({static_cast<double>(value)});
  }
  bool number_float(number_float_t value, const string_t&) override { return put({value}); }
  bool string(string_t& value) override { return put({std::move(value)}); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open({Value::Dict{}}); }
  bool start_array(std::size_t) override { return open({Value::List{}}); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& key) override {
    open_.back().key = std::move(key);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) override { return false; }

 private:
  struct Open {
    Value value;
    std::string key;  // of the entry that comes next
  };

  bool open(Value value) {
    open_.push_back({std::move(value), {}});
    return true;
  }
  bool close() {
    Value value = std::move(open_.back().value);
    open_.pop_back();
    return put(std::move(value));
  }
  bool put(Value value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (auto* list = std::get_if<Value::List>(&open_.back().value.data)) {
      list->push_back(std::move(value));
    } else {
      std::get<Value::Dict>(open_.back().value.data)
          .push_back({std::exchange(open_.back().key, {}), std::move(value)});
    }
    return true;
  }

  Value root_;
  std::vector<Open> open_;
};

}  // namespace

Value parse_value(std::string_view text) {
  parse_json(text);  // all checks are there
  Builder builder;
  Json::sax_parse(text, &builder);
  return builder.take();
}

OrderedJson to_json(const Value& value) {
  if (value.boolean()) return *value.boolean();
  if (value.integer()) return *value.integer();
  if (value.number()) return *value.number();
  if (value.string()) return *value.string();
  if (value.list()) {
    OrderedJson list = OrderedJson::array();
    for (const Value& item : *value.list()) list.push_back(to_json(item));
    return list;
  }
  if (!value.dict()) return nullptr;
  // Not by operator[], which looks for the key in all before it.
  OrderedJson::object_t object;
  object.reserve(value.dict()->size());
  for (const auto& [key, item] : *value.dict()) object.emplace_back(key, to_json(item));
  return object;
}

}  // namespace isobatch::openai
