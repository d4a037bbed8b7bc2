// What is nearly a layer: refused in plain words.
#include "luxtorch/layer.h"

#include <string>

namespace luxtorch {

struct Call {
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};
struct Good : Call {
  Tree initial_parameters(Rng) const { return named({}); }
};
template <class L>
auto run(const L& layer) {
  return setup(Rng(1), layer);
}
auto good = run(Good{});

#ifdef CALL_IS_NOT_CONST
struct L {
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) { return {x, st}; }
};
auto bad = run(L{});
#endif
#ifdef CALL_RETURNS_NO_STATES
struct L {
  Tensor operator()(const Tensor& x, const Tree&, const Tree&) const { return x; }
};
auto bad = run(L{});
#endif
#ifdef HOOK_WITHOUT_RNG
struct L : Call {
  Tree initial_parameters() const { return named({}); }
};
auto bad = run(L{});
#endif
#ifdef HOOK_IS_NOT_CONST
struct L : Call {
  Tree initial_states(Rng) { return named({}); }
};
auto bad = run(L{});
#endif
#ifdef HOOK_RETURNS_SOMETHING_ELSE
struct L : Call {
  std::pair<Tree, Tree> initial_parameters(Rng) const { return {}; }
};
auto bad = run(L{});
#endif
#ifdef HOOK_IS_PRIVATE
class L : public Call {
  Tree initial_states(Rng) const { return named({}); }
};
auto bad = run(L{});
#endif
#ifdef SETTLING_HOOK_IS_PRIVATE
class L : public Call {
  Tree settled_states(const Tree&, const Tree& st) const { return st; }
};
auto bad = run(L{});
#endif
#ifdef SETTLING_HOOK_IS_NOT_CONST
struct L : Call {
  Tree settled_states(const Tree&, const Tree& st) { return st; }
};
auto bad = run(L{});
#endif
#ifdef SETTLING_HOOK_WITHOUT_STATES
struct L : Call {
  Tree settled_states(const Tree& ps) const { return ps; }
};
auto bad = run(L{});
#endif
#ifdef HOOK_IS_MISNAMED
struct L : Call {
  Tree initialparameters(Rng) const { return named({}); }
};
auto bad = run(L{});
#endif
#ifdef HOOK_IS_NEARLY_NAMED
struct L : Call {
  Tree initial_state(Rng) const { return named({}); }
};
auto bad = run(L{});
#endif
#ifdef PRIVATE_HOOK_IS_MISNAMED
class L : public Call {
  Tree init_parameters(Rng) const { return named({}); }
};
auto bad = run(L{});
#endif
#ifdef BOTH_HOOKS_OF_PARAMETERS
struct L : Good {
  std::vector<ParameterSpec> parameters() const { return {}; }
};
auto bad = run(L{});
#endif
#ifdef BOTH_HOOKS_OF_STATES
struct L : Call {
  std::vector<StateSpec> states() const { return {}; }
  Tree initial_states(Rng) const { return named({}); }
};
auto bad = run(L{});
#endif
#ifdef DESCRIPTION_IS_NOT_CONST
struct L : Call {
  std::vector<ParameterSpec> parameters() { return {}; }
};
auto bad = run(L{});
#endif
#ifdef MEMBER_IS_NO_LAYER
struct L : Call {
  std::string name;
  LUXTORCH_LAYERS(name)
};
auto bad = run(L{});
#endif
#ifdef OUTPUT_SIZE_IS_NOT_CONST
struct L : Call {
  Shape output_size(Shape x) { return x; }
};
auto bad = run(L{});
#endif
#ifdef MEMBER_IS_A_TENSOR
struct L : Call {
  Tensor weight;
  LUXTORCH_LAYERS(weight)
};
auto bad = run(L{});
#endif
#ifdef MEMBER_IS_A_VECTOR_OF_NO_LAYERS
struct L : Call {
  std::vector<int> sizes;
  LUXTORCH_LAYERS(sizes)
};
auto bad = run(L{});
#endif

#ifdef LAYER_FROM_NO_LAYER
Layer layer = 3;
#endif
#ifdef ERASED_FROM_A_MISNAMED_HOOK
struct M : Call {
  Tree initial_params(Rng) const { return named({}); }
};
Layer layer = M{};
#endif

// A name is only wrong where the right one is missing, and a data member is no hook.
struct Helped : Call {
  Tree initial_parameters(Rng rng) const { return init_parameters(rng); }
  Tree init_parameters(Rng) const { return named({}); }
};
struct WithData : Call {
  int64_t initial_state = 3;
};
// A description may have one as a helper, and other members may have its name.
struct Describes : Call {
  std::vector<ParameterSpec> parameters() const { return init_parameters(); }
  std::vector<ParameterSpec> init_parameters() const { return {}; }
  Tree states() const { return named({}); }
};
// What has the hook's name and takes no shape is no hook.
struct WithASize : Call {
  int64_t output_size() const { return 3; }
};
auto with_a_size = run(WithASize{});
auto helped = run(Helped{});
auto describes = run(Describes{});
auto with_data = run(WithData{});

}  // namespace luxtorch
