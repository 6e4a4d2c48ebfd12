#include "text/jinja/template.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "text/jinja/evaluator.h"
#include "text/jinja/format.h"
#include "text/jinja/parser.h"

namespace isobatch::text::jinja {
namespace {

enum class Flow { next, break_loop, continue_loop };

class Renderer {
 public:
  explicit Renderer(Context& context)
      : context_(context),
        evaluator_(context, scopes_, [this](const MacroFunction& macro, Arguments arguments) {
          return call_macro(macro, std::move(arguments));
        }) {}

  Scopes& scopes() { return scopes_; }

  Flow run(const Block& block) {
    const Depth depth(context_);
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
    scopes_.open();
    Value text = rendered(s.body);
    if (s.filtered != nullptr) {
      scopes_.set(kBlockText, std::move(text));
      text = evaluator_.evaluate(*s.filtered);
    }
    scopes_.close();
    assign(s.target, std::move(text));
    return Flow::next;
  }

  Flow visit(const Statement&, const Scope& s) {
    scopes_.open();
    run(s.body);
    scopes_.close();
    return Flow::next;
  }

  Flow visit(const Statement&, const Macro& s) {
    scopes_.set(s.name, MacroPtr(std::make_shared<const MacroFunction>(MacroFunction{&s, scopes_.level()})));
    return Flow::next;
  }

  // The block's text instead of its output.
  Value rendered(const Block& block) {
    std::string outer = std::exchange(out_, {});
    run(block);
    outer.swap(out_);
    return context_.string(std::move(outer));
  }

  Value call_macro(const MacroFunction& macro, Arguments arguments) {
    const auto& [name, parameters, body] = *macro.definition;
    if (arguments.positional.size() > parameters.size()) {
      context_.fail(fmt::format("macro '{}' takes at most {} arguments, {} are given", name,
                                parameters.size(), arguments.positional.size()));
    }
    std::vector<std::optional<Value>> values(parameters.size());
    for (std::size_t i = 0; i < arguments.positional.size(); ++i)
      values[i] = std::move(arguments.positional[i]);
    for (auto& [key, value] : arguments.named) {
      const auto found = std::ranges::find_if(
          parameters, [&key = key](const auto& parameter) { return parameter.first == key; });
      const auto at = static_cast<std::size_t>(found - parameters.begin());
      if (found == parameters.end() || values[at]) {
        context_.fail(fmt::format(
            "macro '{}' {} \"{}\"", name,
            found == parameters.end() ? "has no argument of the name" : "is given twice the argument", key));
      }
      values[at] = std::move(value);
    }
    scopes_.enter_macro(macro.level);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const auto& [key, otherwise] = parameters[i];
      Value value = values[i]              ? *std::move(values[i])
                    : otherwise == nullptr ? make_undefined(fmt::format("parameter '{}'", key))
                                           : evaluator_.evaluate(*otherwise);
      scopes_.set(key, std::move(value));
    }
    Value text = rendered(body);
    scopes_.leave_macro();
    return text;
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
