#include <fmt/format.h>

#include "isobatch/error.h"
#include "openai/body.h"
#include "openai/described_options.h"

namespace isobatch::openai {
namespace {

[[noreturn]] void invalid(const std::string& message) { throw Error(ErrorCode::invalid_argument, message); }

void read_options(JsonObject& receipt, Receipt& out) {
  out.raw = receipt.boolean("raw", false);
  const Json* options = receipt.find("options");
  if (!options) return;
  JsonObject fields(*options, receipt.path_of("options"), receipt.text());
  read_answer_options(fields, out.request, out.choices);
  fields.reject_unknown();
}

void read_response(const Json& response, std::string_view text, Receipt& out) {
  JsonObject fields(response, "response");
  JsonObject body(fields.require("body"), "response.body");
  out.fingerprint = body.require_string("system_fingerprint");
  JsonObject receipt(body.require("isobatch"), "response.body.isobatch", text);
  read_options(receipt, out);
}

void read_error(const Json& error, JsonObject& record, Receipt& out) {
  JsonObject fields(error, "error");
  fields.require("line");
  out.error_line = static_cast<std::size_t>(fields.integer("line", 1, INT64_MAX, 1));
  if (const Json* found = record.find("isobatch")) {
    JsonObject receipt(*found, "isobatch", record.text());
    read_options(receipt, out);
  }
}

void read_score(const Json& json, JsonObject& record, Receipt& out) {
  out.score = true;
  if (const Json* error = record.find("error")) {
    JsonObject fields(*error, "error");
    fields.require("line");
    out.error_line = static_cast<std::size_t>(fields.integer("line", 1, INT64_MAX, 1));
    return;
  }
  out.fingerprint = record.require_string("system_fingerprint");
  if (!record.find("score") == !record.find("scores")) invalid("expected either a score or scores");
  const Json& first = record.find("score") ? json["score"] : json["scores"].at(0);
  out.score_tokens = first.contains("token_ids");
}

// All ids come of the rest of the record, so an edited record is known without a model.
void check_ids(std::string_view text) {
  OrderedJson record = OrderedJson::parse(text);
  const OrderedJson found = record["id"];
  const std::string custom_id = record["custom_id"].get<std::string>();
  std::string id;
  bool fit = true;
  if (!record.contains("response")) {
    record["id"] = "";
    if (found != "score-" + derive_id(custom_id, to_line(record))) fit = false;
  } else if (record["response"].is_null()) {
    record["id"] = "";
    id = derive_id(custom_id, to_line(record));
  } else {
    OrderedJson& response = record["response"];
    OrderedJson& body = response["body"];
    const OrderedJson body_id = body["id"];
    body["id"] = "";
    id = derive_id(custom_id, to_line(body));
    fit = body_id == "chatcmpl-" + id && response["request_id"] == "req_" + id;
  }
  if (!fit || (record.contains("response") && found != "batch_req_" + id))
    invalid("id: does not fit the rest of the record, which was changed");
}

std::string join(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

// The first place where they differ, and both values.
std::string find_difference(const Json& a, const Json& b, const std::string& path) {
  if (a == b) return {};
  if (a.is_object() && b.is_object()) {
    for (const auto& [name, value] : b.items()) {
      const Json other = a.contains(name) ? a[name] : Json();
      if (other != value) return find_difference(other, value, join(path, name));
    }
    for (const auto& [name, value] : a.items()) {
      if (!b.contains(name)) return find_difference(value, Json(), join(path, name));
    }
  }
  if (a.is_array() && b.is_array() && a.size() == b.size()) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (a[i] != b[i]) return find_difference(a[i], b[i], fmt::format("{}[{}]", path, i));
    }
  }
  return fmt::format("{}: is {}, computed again it is {}", path, excerpt(a), excerpt(b));
}

// Ids differ wherever something does, which says little.
Json without_ids(Json record) {
  record.erase("id");
  if (auto response = record.find("response"); response != record.end() && response->is_object()) {
    response->erase("request_id");
    if (auto body = response->find("body"); body != response->end() && body->is_object()) body->erase("id");
  }
  return record;
}

}  // namespace

Receipt read_receipt(std::string_view text) {
  Receipt out;
  try {
    const Json json = parse_json(text);
    JsonObject record(json, "", text);
    out.custom_id = record.require_string("custom_id");
    const Json* response = record.find("response");
    const Json* error = record.find("error");
    if (json.contains("response")) {
      if (!response == !error) invalid("expected either a response or an error");
      response ? read_response(*response, text, out) : read_error(*error, record, out);
    } else {
      read_score(json, record, out);
    }
    check_ids(text);
  } catch (const Error& error) {
    out.error = error.what();
  } catch (const Json::exception&) {
    out.error = "not a record of batch or score";
  }
  return out;
}

std::string record_difference(std::string_view record, std::string_view expected) {
  if (record == expected) return {};
  const Json a = Json::parse(record), b = Json::parse(expected);
  const std::string difference = find_difference(without_ids(a), without_ids(b), "");
  return difference.empty() ? find_difference(a, b, "") : difference;
}

}  // namespace isobatch::openai
