// A compact body that does not fit its fields: refused at the user's line.
#include "luxtorch/compact.h"

namespace luxtorch {

struct Same {
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};
auto fields() { return compact(field("a", Same{}), state("n", 0)); }

auto good = fields().forward([](const Tensor& x, auto& a, auto& n) { return n += 1, a(x); });

#ifdef ONE_ARGUMENT_TOO_FEW
auto bad = fields().forward([](const Tensor& x, auto& a) { return a(x); });
#endif
#ifdef ONE_ARGUMENT_TOO_MANY
auto bad = fields().forward([](const Tensor& x, auto& a, auto&, auto&) { return a(x); });
#endif
#ifdef NO_INPUT
auto bad = fields().forward([](auto& a, auto&) { return 1; });
#endif
#ifdef MUTABLE_LAMBDA
auto bad = fields().forward([i = 0](const Tensor& x, auto& a, auto&) mutable { return ++i, a(x); });
#endif
#ifdef LAYER_BY_VALUE
auto bad = fields().forward([](const Tensor& x, auto a, auto&) { return a(x); });
#endif
#ifdef INPUT_IS_A_NUMBER
auto bad = fields().forward([](int x, auto&, auto&) { return x; });
#endif
#ifdef FIELD_IS_NO_LAYER
auto bad = field("a", 3);
#endif
#ifdef STATE_OF_ANOTHER_TYPE
auto bad = state("n", std::vector<int>{1});
#endif

}  // namespace luxtorch
