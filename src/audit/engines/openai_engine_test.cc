#include "audit/engines/openai_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "isobatch/error.h"
#include "tests/support/error_of.h"

namespace isobatch::audit {
namespace {

using test::error_of;

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Json = nlohmann::json;

// A service that answers with what `answer` makes of the request's body.
class Service {
 public:
  using Answer = std::function<void(const Json& body, httplib::Response& response)>;

  explicit Service(Answer answer) : answer_(std::move(answer)) {
    const auto post = [this](const httplib::Request& request, httplib::Response& response) {
      const std::lock_guard lock(mutex_);
      const Json body = Json::parse(request.body);
      bodies_.push_back(body);
      authorization_ = request.get_header_value("Authorization");
      answer_(body, response);
    };
    server_.Post("/v1/chat/completions", post);
    server_.Post("/v1/completions", post);
    server_.Get("/v1/models", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(R"({"data": [{"id": "first"}, {"id": "second"}]})", "application/json");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~Service() {
    server_.stop();
    thread_.join();
  }

  EngineOptions options(double timeout = 30) const {
    EngineOptions options;
    options.url = "http://127.0.0.1:" + std::to_string(port_) + "/v1/";
    options.timeout_seconds = timeout;
    return options;
  }
  std::vector<Json> bodies() {
    const std::lock_guard lock(mutex_);
    return bodies_;
  }
  std::string authorization() {
    const std::lock_guard lock(mutex_);
    return authorization_;
  }

 private:
  httplib::Server server_;
  std::thread thread_;
  int port_ = 0;
  std::mutex mutex_;
  Answer answer_;
  std::vector<Json> bodies_;
  std::string authorization_;
};

// Repeats the last message, or the prompt.
void echo(const Json& body, httplib::Response& response) {
  const bool chat = body.contains("messages");
  const std::string text = chat ? body["messages"].back()["content"] : body["prompt"];
  Json choice = {{"index", 0}, {"finish_reason", text.size() > 3 ? "length" : "stop"}};
  if (chat) {
    choice["message"] = {{"role", "assistant"}, {"content", text}};
    if (body.contains("logprobs")) {
      choice["logprobs"] = {
          {"content",
           {{{"token", "a"},
             {"logprob", -0.25},
             {"top_logprobs",
              {{{"token", "a"}, {"logprob", -0.25}}, {{"token", "b"}, {"logprob", -1.5}}}}}}}};
    }
  } else {
    choice["text"] = text;
    choice["logprobs"] = {{"tokens", {"a"}}, {"top_logprobs", {{{"b", -3.0}, {"a", -0.5}}}}};
  }
  response.set_content(Json({{"choices", {choice}}}).dump(), "application/json");
}

struct Asked {
  std::vector<Prompt> prompts;
  Batch batch;
};
Asked ask(const std::vector<std::string>& texts, bool chat = true) {
  Asked asked;
  for (const std::string& text : texts) {
    Prompt& prompt = asked.prompts.emplace_back();
    if (chat) prompt.messages = {{"user", text}};
    if (!chat) prompt.text = text;
  }
  for (const Prompt& prompt : asked.prompts) asked.batch.rows.push_back({&prompt, {}, 5, false});
  return asked;
}

std::string generate_error(Service& service, double timeout = 30) {
  EngineOptions options = service.options(timeout);
  options.model_name = "m";
  const auto engine = make_engine("openai", options);
  return error_of([&] { engine->generate(ask({"one"}).batch, {}); });
}

TEST(OpenAiEngine, ChatAnswersAndMargins) {
  Service service(echo);
  EngineOptions options = service.options();
  options.api_key = "secret";
  const auto engine = make_engine("openai", options);
  EXPECT_EQ(engine->info().model, "first");
  EXPECT_THAT(engine->info().factors, ElementsAre(Factor::rerun, Factor::batch_size, Factor::order));
  const Asked asked = ask({"one", "longer", "two"});
  const std::vector<Answer> answers = engine->generate(asked.batch, {});
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0].text, "one");
  EXPECT_TRUE(answers[0].stopped);
  EXPECT_EQ(answers[1].text, "longer");
  EXPECT_FALSE(answers[1].stopped);
  EXPECT_THAT(answers[2].margins, ElementsAre(FloatEq(1.25)));
  EXPECT_THAT(answers[2].tokens, IsEmpty());
  EXPECT_EQ(service.authorization(), "Bearer secret");
  const Json body = service.bodies().front();
  EXPECT_EQ(body["temperature"], 0);
  EXPECT_EQ(body["max_tokens"], 5);
  EXPECT_EQ(body["model"], "first");
  EXPECT_EQ(body["top_logprobs"], 2);
  EXPECT_FALSE(body.contains("ignore_eos"));
}

TEST(OpenAiEngine, RawTextGoesToCompletions) {
  Service service(echo);
  const auto engine = make_engine("openai", service.options());
  const Asked asked = ask({"one"}, false);
  const std::vector<Answer> answers = engine->generate(asked.batch, {});
  EXPECT_EQ(answers[0].text, "one");
  EXPECT_THAT(answers[0].margins, ElementsAre(FloatEq(2.5)));
}

TEST(OpenAiEngine, RowsRunAtTheSameTime) {
  std::atomic<int> running = 0;
  httplib::Server server;
  server.Post("/chat/completions", [&](const httplib::Request& request, httplib::Response& response) {
    ++running;
    while (running < 4) std::this_thread::yield();  // none ends before all have come
    echo(Json::parse(request.body), response);
  });
  EngineOptions options;
  options.url = "http://127.0.0.1:" + std::to_string(server.bind_to_any_port("127.0.0.1"));
  options.model_name = "m";
  std::thread thread([&] { server.listen_after_bind(); });
  while (!server.is_running()) std::this_thread::yield();
  EXPECT_EQ(make_engine("openai", options)->generate(ask({"a", "b", "c", "d"}).batch, {}).size(), 4u);
  server.stop();
  thread.join();
}

TEST(OpenAiEngine, LogprobsThatAreRefusedAreNotAskedForAgain) {
  Service service([](const Json& body, httplib::Response& response) {
    if (body.contains("logprobs")) {
      response.status = 400;
      response.set_content("no logprobs", "text/plain");
    } else {
      echo(body, response);
    }
  });
  const auto engine = make_engine("openai", service.options());
  const Asked asked = ask({"one", "two"});
  EXPECT_THAT(engine->generate(asked.batch, {})[1].margins, IsEmpty());
  EXPECT_EQ(service.bodies().size(), 4u);
  engine->generate(asked.batch, {});
  EXPECT_EQ(service.bodies().size(), 6u);
}

TEST(OpenAiEngine, ErrorsSayWhatCame) {
  Service failing([](const Json&, httplib::Response& response) {
    response.status = 500;
    response.set_content("the model\xff is gone\nstack: …", "text/plain");
  });
  EXPECT_THAT(generate_error(failing),
              AllOf(StartsWith("openai: http://127.0.0.1:"),
                    HasSubstr("/v1/chat/completions: HTTP 500: the model? is gone")));
  EXPECT_EQ(failing.bodies().size(), 1u);  // not asked again
  Service garbage([](const Json&, httplib::Response& response) {
    response.set_content("<html>Welcome</html>", "text/html");
  });
  EXPECT_THAT(generate_error(garbage),
              HasSubstr("not valid JSON at byte 1; it begins: <html>Welcome</html>"));
  Service empty([](const Json&, httplib::Response& response) {
    response.set_content(R"({"choices": []})", "application/json");
  });
  EXPECT_THAT(generate_error(empty), HasSubstr("choices: expected an array of at least one"));
}

TEST(OpenAiEngine, HangIsAnError) {
  std::atomic<bool> over = false;
  Service service([&](const Json&, httplib::Response&) {
    while (!over) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  });
  EXPECT_THAT(generate_error(service, 0.5), HasSubstr("no answer within 0.5 s"));
  over = true;
}

TEST(OpenAiEngine, TrickleIsAHang) {
  std::atomic<bool> over = false;
  Service service([&](const Json&, httplib::Response& response) {
    response.set_chunked_content_provider("text/plain", [&](std::size_t, httplib::DataSink& sink) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      if (over) return false;
      return sink.write(" ", 1);
    });
  });
  EXPECT_THAT(generate_error(service, 0.5), HasSubstr("no answer within 0.5 s"));
  over = true;
}

TEST(OpenAiEngine, NobodyListens) {
  EngineOptions options;
  options.url = "http://127.0.0.1:1/v1";
  EXPECT_THAT(error_of([&] { make_engine("openai", options); }),
              StartsWith("openai: http://127.0.0.1:1/v1/models: no answer ("));
}

TEST(OpenAiEngine, OptionsThatCannotBe) {
  EngineOptions options;
  for (const char* url : {"", "localhost:80", "ftp://host/v1", "http://", "http://user:word@host/v1"}) {
    options.url = url;
    EXPECT_THAT(error_of([&] { make_engine("openai", options); }), StartsWith("url: expected http://"))
        << url;
  }
  options.url = "http://127.0.0.1:1/v1";
  options.settings = {{"colour", "red"}};
  EXPECT_THAT(error_of([&] { make_engine("openai", options); }), HasSubstr("setting colour=red"));
}

}  // namespace
}  // namespace isobatch::audit
