// RNN, LSTM and GRU: layers of their cells, in one or in both directions, with dropout between them.
#include <ATen/ops/cat.h>

#include "layer_setup.h"
#include "layers/sequence_call.h"
#include "luxtorch/layers/sequence.h"

namespace luxtorch {

namespace detail {

template <class L>
template <class Options>
RecurrentStack<L>::RecurrentStack(int64_t in_dims, int64_t out_dims, const Options& options,
                                  const std::string& activation,
                                  const std::function<Layer(int64_t in_dims)>& cell)
    : time_first_(options.ordering == Ordering::TimeFirst),
      return_sequence_(options.return_sequence),
      return_carry_(options.return_carry) {
  auto name = type_name(typeid(L));
  check_positive(name.c_str(), "in_dims", in_dims);
  check_positive(name.c_str(), "out_dims", out_dims);
  check_positive(name.c_str(), "num_layers", options.num_layers);
  if (!(options.dropout >= 0 && options.dropout < 1)) {
    throw ArgumentError(
        name, fmt::format("expected a dropout from 0 to below 1, got {}.", options.dropout));
  }
  if (options.dropout > 0 && options.num_layers > 1) dropout_.emplace(options.dropout);
  auto dims = in_dims;
  for (int64_t k = 1; k <= options.num_layers; ++k) {
    auto cell_text = name + "Cell";
    Level level{fmt::format("layer_{}", k), {cell_text.c_str(), cell(dims)}, std::nullopt};
    if (options.bidirectional) level.backward_rnn.emplace(cell_text.c_str(), cell(dims));
    levels_.push_back(std::move(level));
    dims = options.bidirectional ? 2 * out_dims : out_dims;
  }

  label_ = fmt::format("{}({} => {}{}", name, in_dims, out_dims, activation);
  if (options.num_layers > 1) label_ += fmt::format(", num_layers={}", options.num_layers);
  if (options.bidirectional) label_ += ", bidirectional=true";
  if (options.dropout > 0) label_ += fmt::format(", dropout={}", options.dropout);
  if (!options.use_bias) label_ += ", use_bias=false";
  if (options.train_state) label_ += ", train_state=true";
  if constexpr (requires { options.train_memory; }) {
    if (options.train_memory) label_ += ", train_memory=true";
  }
  label_ += ")";
}

template <class L>
template <Initial W>
Tree RecurrentStack<L>::initial_parts(Rng rng) const {
  auto of_level = [](const Level& level, Rng key) {
    if (!level.backward_rnn) return draw_part(describe(level.forward_rnn.layer()), W, key);
    auto part = [&](const char* name, const SequenceCell& cell) {
      return Tree::Item(name, draw_part(describe(cell.layer()), W, key.fold_in(name)));
    };
    return named(
        {part("forward_rnn", level.forward_rnn), part("backward_rnn", *level.backward_rnn)});
  };
  if (levels_.size() == 1) return of_level(levels_[0], rng);
  std::vector<Tree::Item> parts;
  for (const auto& level : levels_)
    parts.emplace_back(level.name, of_level(level, rng.fold_in(level.name)));
  return named(std::move(parts));
}

template <class L>
Tree RecurrentStack<L>::initial_parameters(Rng rng) const {
  return initial_parts<Initial::parameters>(rng);
}
template <class L>
Tree RecurrentStack<L>::initial_states(Rng rng) const {
  auto st = initial_parts<Initial::states>(rng);
  return dropout_ ? st.with("dropout",
                            draw_part(describe(*dropout_), Initial::states, rng.fold_in("dropout")))
                  : st;
}

// Where a cell that complains is, as the parameters' paths say it.
template <class L>
Description RecurrentStack<L>::parts() const {
  auto of_level = [](const Level& level) {
    if (!level.backward_rnn) return describe(level.forward_rnn.layer());
    return Description{.text = "",
                       .fields = {{"forward_rnn", describe(level.forward_rnn.layer())},
                                  {"backward_rnn", describe(level.backward_rnn->layer())}}};
  };
  if (levels_.size() == 1) return of_level(levels_[0]);
  Description all{.text = "", .fields = {}};
  for (const auto& level : levels_) all.fields.push_back({level.name, of_level(level)});
  return all;
}

template <class L>
Out<Tree> RecurrentStack<L>::operator()(const Tree& x, const Tree& ps, const Tree& st) const {
  return run(sequence_input(Owner(self()), x), ps, st);
}
template <class L>
Out<Tree> RecurrentStack<L>::operator()(const Tensor& x, const Tree& carry, const Tree& ps,
                                        const Tree& st) const {
  return run(sequence_input(Owner(self()), x, carry), ps, st);
}
template <class L>
Out<Tree> RecurrentStack<L>::operator()(const Tensor& x, const Tree& carry, const Tensor& lengths,
                                        const Tree& ps, const Tree& st) const {
  return run(sequence_input(Owner(self()), x, carry, lengths), ps, st);
}

template <class L>
Out<Tree> RecurrentStack<L>::run(SequenceInput in, const Tree& ps, const Tree& st) const {
  Owner owner(self());
  in.lengths = checked_lengths(owner, in.x, in.lengths, time_first_);
  auto run_level = [&](const Level& level, const SequenceInput& given, bool all, const Tree& p,
                       const Tree& s) -> SequenceRun {
    SequenceCall call{owner, given, time_first_, false, all};
    if (!level.backward_rnn) return level.forward_rnn.run(call, p, s);
    auto both = run_both(level.forward_rnn, *level.backward_rnn, call, p, s);
    return {at::cat({both.forward, both.backward}, -1), std::move(both.carry), std::move(both.st)};
  };
  try {
    SequenceRun ran;
    if (levels_.size() == 1) {
      ran = run_level(levels_[0], in, return_sequence_, ps, st);
    } else {
      Tensor y = in.x;
      std::vector<Tree::Item> carries, states;
      Tree st_dropout = dropout_ ? st["dropout"] : Tree();
      for (const auto& level : levels_) {
        bool last = &level == &levels_.back();
        SequenceInput given{y, carry_part(owner, in.carry, level.name), in.lengths};
        auto out =
            run_level(level, given, return_sequence_ || !last, ps[level.name], st[level.name]);
        y = std::move(out.y);
        if (dropout_ && !last) std::tie(y, st_dropout) = (*dropout_)(y, Tree(), st_dropout);
        carries.emplace_back(level.name, std::move(out.carry));
        states.emplace_back(level.name, std::move(out.st));
      }
      if (dropout_) states.emplace_back("dropout", std::move(st_dropout));
      ran = {std::move(y), named(std::move(carries)), named(std::move(states))};
    }
    Tree y = std::move(ran.y);
    if (return_carry_) y = tuple({std::move(y), std::move(ran.carry)});
    report(self(), y);
    return {std::move(y), std::move(ran.st)};
  } catch (const ShapeError& error) {
    std::string path;
    if (!error.thrower() || !find_path(parts(), error.thrower(), *error.thrower_type(), path))
      throw;
    ShapeError own(type_name(typeid(L)), error.message());
    own.prepend_path_(path);
    own.thrown_by_(&self(), typeid(L));
    throw own;
  }
}

template class RecurrentStack<RNN>;
template class RecurrentStack<LSTM>;
template class RecurrentStack<GRU>;

}  // namespace detail

RNN::RNN(int64_t in_dims, int64_t out_dims, Activation activation, RNNOptions o)
    : RecurrentStack(in_dims, out_dims, o,
                     activation == tanh ? "" : std::string(", ") + activation.name(),
                     [&](int64_t dims) -> Layer {
                       return RNNCell(dims, out_dims, activation,
                                      {.use_bias = o.use_bias,
                                       .train_state = o.train_state,
                                       .init_bias = o.init_bias,
                                       .init_weight = o.init_weight,
                                       .init_recurrent_weight = o.init_recurrent_weight,
                                       .init_state = o.init_state});
                     }) {}

LSTM::LSTM(int64_t in_dims, int64_t out_dims, LSTMOptions o)
    : RecurrentStack(in_dims, out_dims, o, "", [&](int64_t dims) -> Layer {
        return LSTMCell(dims, out_dims,
                        {.use_bias = o.use_bias,
                         .train_state = o.train_state,
                         .train_memory = o.train_memory,
                         .init_weight = o.init_weight,
                         .init_recurrent_weight = o.init_recurrent_weight,
                         .init_bias = o.init_bias,
                         .init_state = o.init_state,
                         .init_memory = o.init_memory});
      }) {}

GRU::GRU(int64_t in_dims, int64_t out_dims, GRUOptions o)
    : RecurrentStack(in_dims, out_dims, o, "", [&](int64_t dims) -> Layer {
        return GRUCell(dims, out_dims,
                       {.use_bias = o.use_bias,
                        .train_state = o.train_state,
                        .init_weight = o.init_weight,
                        .init_recurrent_weight = o.init_recurrent_weight,
                        .init_bias = o.init_bias,
                        .init_state = o.init_state});
      }) {}

}  // namespace luxtorch
