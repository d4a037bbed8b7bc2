#include "luxtorch/core/error.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "luxtorch/core/types.h"

namespace {

struct Anonymous {};
template <class T>
struct Template {};
std::function<int(int)> std_function;

template <class T>
const std::type_info& type_local_to_a_function_template(const std::vector<T>&) {
  struct Local {};
  return typeid(Local);
}
template <class T>
const std::type_info& lambda_in_a_function_template(const std::vector<T>&) {
  auto f = [](const luxtorch::Tensor& x) { return x; };
  return typeid(f);
}

}  // namespace

namespace luxtorch {
namespace {

TEST(Error, TextIsWhoThenPathThenMessage) {
  ShapeError e("Dense", "expected x of shape (..., 8), got (32, 7).");
  EXPECT_STREQ(e.what(), "[Dense] expected x of shape (..., 8), got (32, 7).");
  EXPECT_EQ(e.path(), "");
  e.prepend_path_("classifier");
  e.prepend_path_("");
  e.prepend_path_("layer_2");
  EXPECT_STREQ(e.what(),
               "[Dense] at layer_2.classifier: expected x of shape (..., 8), got (32, 7).");
  EXPECT_EQ(e.path(), "layer_2.classifier");
  e.append_("Transpose it.");
  EXPECT_STREQ(
      e.what(),
      "[Dense] at layer_2.classifier: expected x of shape (..., 8), got (32, 7). Transpose it.");
  EXPECT_EQ(e.who(), "Dense");
  EXPECT_EQ(e.message(), "expected x of shape (..., 8), got (32, 7). Transpose it.");
}

TEST(Error, EveryKindIsAnErrorAndAStandardException) {
  auto is_caught = [](auto e) {
    try {
      throw e;
    } catch (const Error& error) {
      return std::string(static_cast<const std::exception&>(error).what()) == "[who] what.";
    }
  };
  EXPECT_TRUE(is_caught(ShapeError("who", "what.")));
  EXPECT_TRUE(is_caught(TreeError("who", "what.")));
  EXPECT_TRUE(is_caught(FormatError("who", "what.")));
  EXPECT_TRUE(is_caught(ArgumentError("who", "what.")));
  EXPECT_TRUE(is_caught(UnsupportedError("who", "what.")));
  EXPECT_TRUE(is_caught(TorchError("who", "what.")));
}

TEST(Error, TypeNamesHaveNoNamespacesAndNoArguments) {
  struct Local {};
  EXPECT_EQ(type_name(typeid(ShapeError)), "ShapeError");
  EXPECT_EQ(type_name(typeid(Anonymous)), "Anonymous");
  EXPECT_EQ(type_name(typeid(Local)), "Local");
  EXPECT_EQ(type_name(typeid(Template<Tensor>)), "Template");
  EXPECT_EQ(type_name(typeid(Template<Template<std::vector<int>>>)), "Template");
  EXPECT_EQ(type_name(typeid(std::vector<int>)), "vector");
  EXPECT_EQ(type_name(typeid(int)), "int");
  EXPECT_EQ(type_name(type_local_to_a_function_template(std::vector<int>{})), "Local");
}

TEST(Error, FunctionsOfEveryKindAreNamedFunction) {
  auto lambda = [](const Tensor& x) { return x; };
  auto generic = [](const auto& x) { return x; };
  EXPECT_EQ(type_name(typeid(lambda)), "Function");
  EXPECT_EQ(type_name(typeid(generic)), "Function");
  EXPECT_EQ(type_name(typeid(std_function)), "Function");
  EXPECT_EQ(type_name(typeid(static_cast<Tensor (*)(const Tensor&)>(lambda))), "Function");
  EXPECT_EQ(type_name(lambda_in_a_function_template(std::vector<int>{})), "Function");
  EXPECT_EQ(type_name(typeid(Template<decltype(lambda)>)), "Template");
  EXPECT_EQ(type_name(typeid(Template<Tensor (*)(const Tensor&)>)), "Template");
}

TEST(Error, FailNamesTheLayersTypeAndRemembersTheLayer) {
  struct Dense {
    void check() const { fail(*this, "expected x of shape (..., 8), got (7,)."); }
    void refuse() const { fail<UnsupportedError>(*this, "expected floats."); }
  };
  const Dense dense;
  try {
    dense.check();
    FAIL();
  } catch (const ShapeError& e) {
    EXPECT_STREQ(e.what(), "[Dense] expected x of shape (..., 8), got (7,).");
    EXPECT_EQ(e.thrower(), &dense);
    EXPECT_EQ(*e.thrower_type(), typeid(Dense));
  }
  EXPECT_THROW(dense.refuse(), UnsupportedError);
}

}  // namespace
}  // namespace luxtorch
