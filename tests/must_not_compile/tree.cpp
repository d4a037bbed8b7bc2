// What a Tree is not made of, compared with or read as.
#include "luxtorch/tree.h"

namespace luxtorch {

Tree good() { return tuple({1, true, "text", Tensor(), Rng(1)}); }

#ifdef TREE_FROM_NULLPTR
Tree t = nullptr;
#endif
#ifdef TREE_FROM_CHAR
Tree t = 'a';
#endif
#ifdef TREE_FROM_POINTER
int i = 0;
Tree t = &i;
#endif
#ifdef TREE_FROM_A_DERIVED_TENSOR
struct Derived : Tensor {};
Tree t = Derived();
#endif
#ifdef TREE_COMPARED
bool same = good() == good();
#endif
#ifdef TREE_IN_PLACE
void change(Tree& t) { t["a"] = Tree(1); }
#endif
#ifdef TREE_SCALAR_OF_INT
int n = good()[0].scalar<int>();
#endif
#ifdef TREE_AS_TENSOR
Tensor x = good();
#endif

}  // namespace luxtorch
