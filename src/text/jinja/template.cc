#include "text/jinja/template.h"

#include <fmt/format.h>

#include "text/jinja/evaluator.h"
#include "text/jinja/format.h"
#include "text/jinja/parser.h"

namespace isobatch::text::jinja {
namespace {

enum class Flow { next, break_loop, continue_loop };

class Renderer {
 public:
  explicit Renderer(Context& context) : context_(context), evaluator_(context, scopes_) {}

  Scopes& scopes() { return scopes_; }

  Flow run(const Block& block) {
    for (const Statement& statement : block) {
      context_.set_position(statement.position);
      context_.spend_steps(1);
      const Flow flow = std::visit([&](const auto& node) { return visit(statement, node); }, statement.node);
      if (flow != Flow::next) return flow;
    }
    return Flow::next;
  }

  std::string take() { return std::move(out_); }

 private:
  void write(std::string_view text) {
    context_.spend_steps(text.size() / 64);
    if (text.size() > kMaxOutput - out_.size()) {
      context_.fail(fmt::format("the output is longer than {} bytes", kMaxOutput));
    }
    out_ += text;
  }

  Flow visit(const Statement&, const Text& s) { return write(s.text), Flow::next; }

  Flow visit(const Statement&, const Output& s) {
    const Value value = evaluator_.evaluate(*s.value);
    if (const std::string* text = value.string()) {
      write(*text);
    } else {
      write(to_text(context_, value));
    }
    return Flow::next;
  }

  Flow visit(const Statement&, const If& s) {
    for (const auto& [condition, block] : s.branches) {
      if (evaluator_.evaluate(*condition).truth()) return run(block);
    }
    return run(s.otherwise);
  }

  Flow visit(const Statement& at, const Set& s) {
    if (s.value != nullptr) {
      Value value = evaluator_.evaluate(*s.value);
      context_.set_position(at.position);
      assign(s.target, std::move(value));
      return Flow::next;
    }
    std::string outer = std::exchange(out_, {});
    scopes_.open();
    run(s.body);
    scopes_.close();
    outer.swap(out_);
    assign(s.target, context_.string(std::move(outer)));
    return Flow::next;
  }

  void assign(const Target& target, Value value) {
    context_.spend_steps(scopes_.size() / 16);
    if (!target.attribute.empty()) {
      const Value* object = scopes_.find(target.names[0]);
      if (object == nullptr || object->name_space() == nullptr) {
        context_.fail(fmt::format("cannot set an attribute of '{}': it is no namespace", target.names[0]));
      }
      object->name_space()->attributes[target.attribute] = std::move(value);
    } else if (target.unpack) {
      const ListPtr items = context_.items(value);
      if (items->items.size() != target.names.size()) {
        context_.fail(
            fmt::format("expected {} values to unpack, found {}", target.names.size(), items->items.size()));
      }
      for (std::size_t i = 0; i < target.names.size(); ++i) scopes_.set(target.names[i], items->items[i]);
    } else {
      scopes_.set(target.names[0], std::move(value));
    }
  }

  // The items for which the loop's condition holds.
  ListPtr filter(const Statement& at, const For& s, const ListPtr& items) {
    if (s.condition == nullptr) return items;
    std::vector<Value> kept;
    for (const Value& item : items->items) {
      scopes_.open();
      context_.set_position(at.position);
      assign(s.target, item);
      if (evaluator_.evaluate(*s.condition).truth()) kept.push_back(item);
      scopes_.close();
    }
    return context_.list(std::move(kept)).shared_list();
  }

  Flow visit(const Statement& at, const For& s) {
    const Value iterated = evaluator_.evaluate(*s.items);
    context_.set_position(at.position);
    const auto loop = std::make_shared<Loop>();
    loop->items = filter(at, s, context_.items(iterated));
    for (loop->index = 0; loop->index < loop->items->items.size(); ++loop->index) {
      context_.set_position(at.position);
      context_.spend_steps(1);
      scopes_.open();
      scopes_.set("loop", LoopPtr(loop));
      assign(s.target, loop->items->items[loop->index]);
      const Flow flow = run(s.body);
      scopes_.close();
      if (flow == Flow::break_loop) break;
    }
    return loop->items->items.empty() ? run(s.otherwise) : Flow::next;
  }

  Flow visit(const Statement&, const Break&) { return Flow::break_loop; }
  Flow visit(const Statement&, const Continue&) { return Flow::continue_loop; }

  Context& context_;
  Scopes scopes_;
  Evaluator evaluator_;
  std::string out_;
};

}  // namespace

Template::Template(std::string_view source) : block_(parse(source)) {}

std::string Template::render(const MakeVariables& make_variables) const {
  Context context;
  Renderer renderer(context);
  for (auto& [name, value] : make_variables(context)) renderer.scopes().set(name, std::move(value));
  renderer.run(block_);
  return renderer.take();
}

}  // namespace isobatch::text::jinja
