#include "io/torch/calls.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "io/torch/dtypes.h"
#include "io/torch/pickle_numbers.h"

namespace luxtorch::torch_archive {
namespace {

using io::Fault;
using io::Pickle;
using io::PickleBytes;
using io::PickleDict;
using io::PickleGlobal;
using io::PickleId;
using io::PickleMade;
using io::PickleObject;
using io::PickleSequence;
using io::PickleValue;

constexpr std::string_view kFromType = "torch._tensor._rebuild_from_type_v2";
// What may be called; the last by C++'s torch::pickle_save.
constexpr std::array<std::string_view, 21> kCalls = {"collections.OrderedDict",
                                                     "collections.Counter",
                                                     "torch.Size",
                                                     "torch._utils._rebuild_parameter",
                                                     "torch._utils._rebuild_parameter_with_state",
                                                     kFromType,
                                                     "torch.nn.parameter.Parameter",
                                                     "torch.nn.parameter.Buffer",
                                                     "torch.Tensor",
                                                     kRebuild1,
                                                     kRebuild2,
                                                     kRebuild3,
                                                     "torch.device",
                                                     "torch.serialization._get_layout",
                                                     "builtins.set",
                                                     "builtins.frozenset",
                                                     "builtins.complex",
                                                     "builtins.bytes",
                                                     "builtins.bytearray",
                                                     "_codecs.encode",
                                                     "torch.jit._pickle.restore_type_tag"};
constexpr std::array<std::string_view, 3> kTensors = {
    "torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"};
// Behind "torch."; as values texts.
constexpr auto kConstants = std::to_array<std::string_view>({"float32",
                                                             "float64",
                                                             "float16",
                                                             "bfloat16",
                                                             "int64",
                                                             "int32",
                                                             "int16",
                                                             "int8",
                                                             "uint8",
                                                             "uint16",
                                                             "uint32",
                                                             "uint64",
                                                             "uint1",
                                                             "uint2",
                                                             "uint3",
                                                             "uint4",
                                                             "uint5",
                                                             "uint6",
                                                             "uint7",
                                                             "int1",
                                                             "int2",
                                                             "int3",
                                                             "int4",
                                                             "int5",
                                                             "int6",
                                                             "int7",
                                                             "bool",
                                                             "complex32",
                                                             "complex64",
                                                             "complex128",
                                                             "float8_e4m3fn",
                                                             "float8_e5m2",
                                                             "float8_e4m3fnuz",
                                                             "float8_e5m2fnuz",
                                                             "float8_e8m0fnu",
                                                             "float4_e2m1fn_x2",
                                                             "bits8",
                                                             "bits16",
                                                             "bits1x8",
                                                             "bits2x4",
                                                             "bits4x2",
                                                             "quint8",
                                                             "qint8",
                                                             "qint32",
                                                             "quint4x2",
                                                             "quint2x4",
                                                             "strided",
                                                             "sparse_coo",
                                                             "sparse_csr",
                                                             "sparse_csc",
                                                             "sparse_bsr",
                                                             "sparse_bsc",
                                                             "per_tensor_affine",
                                                             "per_tensor_symmetric",
                                                             "per_channel_affine",
                                                             "per_channel_symmetric",
                                                             "per_channel_affine_float_qparams"});

// A list of C++'s torch::pickle_save.
bool is_list_of_cpp(const std::string& name) {
  return name.starts_with("torch.jit._pickle.build_") && name.ends_with("list");
}

// The class of what C++'s torch::save writes; those of TorchScript have their Python class's name.
bool is_cpp_archive(const std::string& name) {
  return name == "__torch__.Module" ||
         (name.starts_with("__torch__.___torch_mangle_") && name.ends_with(".Module") &&
          std::ranges::count(name, '.') == 2);
}

// A tensor of any kind.
PickleMade made_tensor(const Tensors& tensors, const Pickle& pickle, PickleId id,
                       const char* what) {
  auto part = as<PickleMade>(pickle, id, what);
  if (tensors.is_storage(part.number)) throw Fault("", what, "a storage");
  return part;
}

// What is no tensor.
PickleValue value_of_call(Tensors& tensors, const Pickle& pickle, const std::string& name,
                          const std::vector<PickleId>& arguments) {
  auto expect = [&](size_t least, size_t most) {
    if (arguments.size() < least || arguments.size() > most)
      throw Fault("", fmt::format("{} to {} arguments of {}", least, most, name),
                  std::to_string(arguments.size()));
  };
  if (name == "collections.Counter") {
    expect(0, 1);
    return arguments.empty() ? PickleDict{}
                             : PickleDict{as<PickleDict>(pickle, arguments[0], "a dict").items};
  }
  if (name == "builtins.set" || name == "builtins.frozenset" || is_list_of_cpp(name)) {
    expect(0, 1);
    return arguments.empty()
               ? PickleSequence{{}, true}
               : PickleSequence{as<PickleSequence>(pickle, arguments[0], "a list").parts, true};
  }
  if (name == "torch.jit._pickle.restore_type_tag") {
    expect(2, 2);
    const PickleValue& value = pickle[arguments[0]];
    if (const auto* dict = std::get_if<PickleDict>(&value)) return *dict;
    return as<PickleSequence>(pickle, arguments[0], "a dict or a list");
  }
  if (name == "builtins.complex") {
    expect(2, 2);
    auto part = [&](PickleId id) { return as<double>(pickle, id, "a float"); };
    Tensor t = at::empty({}, at::TensorOptions(Dtype::ComplexDouble));
    *t.mutable_data_ptr<c10::complex<double>>() = {part(arguments[0]), part(arguments[1])};
    return tensors.hold(std::move(t));
  }
  if (name == "torch.device") {
    expect(1, 2);
    auto device = as<std::string>(pickle, arguments[0], "a device's name");
    return arguments.size() == 1
               ? device
               : fmt::format("{}:{}", device, as<int64_t>(pickle, arguments[1], "a number"));
  }
  if (name == "torch.serialization._get_layout") {
    expect(1, 1);
    return as<std::string>(pickle, arguments[0], "a layout's name");
  }
  if (name == "_codecs.encode" || name == "builtins.bytes" || name == "builtins.bytearray") {
    expect(name == "_codecs.encode" ? 2 : 0, 2);
    if (arguments.empty()) return PickleBytes{};
    if (const auto* bytes = std::get_if<PickleBytes>(&pickle[arguments[0]])) return *bytes;
    auto encoding = arguments.size() == 2
                        ? as<std::string>(pickle, arguments[1], "an encoding's name")
                        : std::string();
    auto bytes = io::latin1_bytes(as<std::string>(pickle, arguments[0], "a text"));
    if ((encoding != "latin1" && encoding != "latin-1") || !bytes)
      throw Fault("", "bytes as a text in Latin-1", "another text");
    return PickleBytes{*bytes};
  }
  if (std::ranges::find(kTensors, name) != kTensors.end())
    throw Fault::unsupported(
        "", "expected tensors that a function of torch._utils makes, got a call of " + name + ".");
  throw Fault("", "a call that makes a tensor", name);
}

PickleValue call(Tensors& tensors, const Pickle& pickle, const std::string& name,
                 const std::vector<PickleId>& arguments);

// A function, the class that its tensor is made one of, the function's arguments, attributes.
PickleValue of_type(Tensors& tensors, const Pickle& pickle,
                    const std::vector<PickleId>& arguments) {
  if (arguments.size() != 4) throw Fault("", "a tensor's four parts", "others");
  const auto& function = as<PickleGlobal>(pickle, arguments[0], "a name to call").name;
  if (function == kFromType) throw Fault("", "a call that makes a tensor", function);
  bool is_object = std::holds_alternative<PickleObject>(pickle[arguments[1]]);
  if (!is_object) {
    const auto& type = as<PickleGlobal>(pickle, arguments[1], "a tensor's class").name;
    if (std::ranges::find(kTensors, type) == kTensors.end())
      throw Fault("", "a tensor's class", type);
  }
  PickleValue value = call(tensors, pickle, function,
                           as<PickleSequence>(pickle, arguments[2], "a tensor's parts").parts);
  if (auto* made = std::get_if<PickleMade>(&value)) {
    made->attributes = arguments[3];
    if (is_object) made->of_class = arguments[1];
  }
  return value;
}

PickleValue call(Tensors& tensors, const Pickle& pickle, const std::string& name,
                 const std::vector<PickleId>& arguments) {
  if (name == "torch.Size") {
    if (arguments.size() != 1) throw Fault("", "torch.Size of a tuple", "something else");
    sizes_of(pickle, arguments[0], "torch.Size of sizes");
    return PickleSequence{as<PickleSequence>(pickle, arguments[0], "sizes").parts, false};
  }
  if (name == "torch._utils._rebuild_parameter") {
    if (arguments.size() != 3) throw Fault("", "a parameter's three parts", "others");
    return made_tensor(tensors, pickle, arguments[0], "a parameter's tensor");
  }
  if (name == "torch._utils._rebuild_parameter_with_state") {
    if (arguments.size() != 4) throw Fault("", "a parameter's four parts", "others");
    auto parameter = made_tensor(tensors, pickle, arguments[0], "a parameter's tensor");
    parameter.attributes = arguments[3];
    return parameter;
  }
  if (name == "torch.nn.parameter.Parameter") {
    if (arguments.empty() || arguments.size() > 2)
      throw Fault("", "a parameter's tensor", "others");
    return made_tensor(tensors, pickle, arguments[0], "a parameter's tensor");
  }
  if (name == kFromType) return of_type(tensors, pickle, arguments);
  if (name == kRebuild1 || name == kRebuild2 || name == kRebuild3)
    return tensors.rebuild(pickle, arguments, name);
  if (is_other_kind(name)) return rebuild_other_kind(tensors, pickle, name, arguments);
  if (is_cpp_archive(name)) {
    if (!arguments.empty()) throw Fault("", "an archive without arguments", "some");
    return PickleDict{{}, PickleDict::Kind::kObject};
  }
  return value_of_call(tensors, pickle, name, arguments);
}

// A storage; before 1.6 also ('module', a class, its file, its text).
PickleValue persistent(Tensors& tensors, const Pickle& pickle, PickleId id) {
  const auto& parts = as<PickleSequence>(pickle, id, "a storage's parts").parts;
  const auto* kind = parts.empty() ? nullptr : std::get_if<std::string>(&pickle[parts[0]]);
  if (!kind || *kind != "module" || parts.size() < 2) return tensors.storage(pickle, id);
  const PickleValue& value = pickle[parts[1]];
  if (!std::holds_alternative<PickleObject>(value))
    return as<PickleGlobal>(pickle, parts[1], "a module's class");
  return value;
}

}  // namespace

io::Pickle::Visitor visitor_of(Tensors& tensors, bool makes_objects) {
  return {
      [makes_objects](const std::string& name) {
        if (is_cpp_archive(name)) return true;
        if (name.starts_with("__torch__.") && !makes_objects)
          throw Fault::unsupported(
              "",
              "expected a state dict, got TorchScript. Save its state_dict() in Python, or give "
              "LoadOptions::report to load its modules' attributes; torch::jit::load runs it.");
        return std::ranges::find(kCalls, name) != kCalls.end() || is_list_of_cpp(name) ||
               storage_width(name) > 0 || is_other_kind(name);
      },
      [](const std::string& name) {
        return name.starts_with(kPrefix) &&
               std::ranges::find(kConstants, std::string_view(name).substr(kPrefix.size())) !=
                   kConstants.end();
      },
      [&tensors](const Pickle& pickle, const std::string& name,
                 const std::vector<PickleId>& arguments) {
        return call(tensors, pickle, name, arguments);
      },
      [&tensors](const Pickle& pickle, PickleId id) { return persistent(tensors, pickle, id); },
      makes_objects};
}

}  // namespace luxtorch::torch_archive
