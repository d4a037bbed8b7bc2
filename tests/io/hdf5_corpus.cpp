#include "io/hdf5_corpus.h"

#include <ATen/ops/arange.h>

#include <bit>

#include "luxtorch/init.h"
#include "luxtorch/layer.h"
#include "support/corpus.h"

namespace luxtorch::test {

std::vector<Sample> hdf5_corpus() {
  std::vector<Sample> samples;
  for (Sample& sample : jld2_corpus())
    if (sample.name != "greek") samples.push_back(std::move(sample));  // it has a '/'
  Tensor shared = counting(kFloat32);
  Tree deep = 1;
  for (int i = 0; i < 100; ++i) deep = i % 2 == 0 ? tuple({deep}) : named({{"a", deep}});
  std::vector<Tree> many(1200, Tree(at::arange(3, kFloat32)));
  for (auto& [name, tree] : std::vector<Sample>{
           {"a_tensor", counting(kFloat64)},
           {"a_scalar_tensor", counting(kFloat64)[0][1]},
           {"nothing", Tree()},
           {"a_number", 2.5},
           {"a_string", std::string("with a \0 in it", 14)},
           {"strings", tuple({"", "\xff\xfe", std::string(1, '\0'), "\xe2\x88\x82"})},
           {"a_tuple", tuple({counting(kInt64), tuple({counting(kBool)}), 2.0})},
           {"tuples", tuple({tuple({}), named({}), tuple({tuple({})})})},
           {"undefined", tuple({Tensor(), Tree(), Tensor()})},
           {"payload", std::bit_cast<double>(uint64_t{0x7ff8000000000001})},
           {"complex", named({{"h", counting(Dtype::ComplexHalf)},
                              {"f", counting(Dtype::ComplexFloat)[0][0]},
                              {"d", counting(Dtype::ComplexDouble)}})},
           {"twice", named({{"a", shared}, {"c", shared.t()}, {"d", shared[1]}})},
           {"our_names", named({{"luxtorch", 1}, {"value", named({{"value", 2}})}})},
           {"greek_names", named({{"\xce\xb8", named({{"\xce\xb1 + 1", 1}, {"!", 3}})}})},
           {"out_of_order", named({{"b", 1}, {"c", 2}, {"a", named({{"z", 1}, {"y", 2}})}})},
           {"many", tuple(many)},
           {"large", named({{"m", at::arange(700 * 500, kFloat64).view({7, 100, 500})}})},
           {"deep", deep}})
    samples.push_back({name, tree});
  for (const auto& row : luxtorch::testing::corpus()) {
    auto [ps, st] = setup(Rng(1), row.layer);
    samples.push_back({"layer_" + row.name, named({{"ps", ps}, {"st", st}})});
  }
  return samples;
}

}  // namespace luxtorch::test
