// torch_archive::save.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <unordered_map>
#include <unordered_set>

#include "io/base/atomic_file.h"
#include "io/base/dense_bytes.h"
#include "io/base/fault.h"
#include "io/base/flat_names.h"
#include "io/base/json.h"
#include "io/torch/dtypes.h"
#include "io/zip/format.h"
#include "io/zip/writer.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/torch_archive.h"
#include "text.h"
#include "utf8.h"

namespace luxtorch::torch_archive {
namespace {

constexpr const char* kSave = "torch_archive::save";

// The pickle of a tree, in protocol 2, and the tensors that it asks for by number.
class Pickler {
 public:
  std::string text = "\x80\x02";
  std::vector<Tensor> tensors;

  void write_flat(const Tree& t) {
    text += "}(";
    std::unordered_set<std::string> names;
    tree::for_each(
        [&](const std::string& path, const Tree& value) {
          if (!detail::is_utf8(path))
            refuse(path, "expected keys in UTF-8, got another one. Rename it.");
          auto name = io::name_of_path(path);
          if (!names.insert(name).second)
            refuse(path,
                   fmt::format("expected paths of one name each, got two of \"{}\". Rename one.",
                               name));
          string(name);
          leaf(path, value);
        },
        t);
    text += 'u';
  }

  void write(const std::string& path, const Tree& t, size_t level) {
    if (t.is_leaf()) return leaf(path, t);
    if (level >= io::kDeepest)
      refuse(path,
             fmt::format("expected a tree of at most {} levels, got a deeper one.", io::kDeepest));
    if (t.is_tuple()) {
      text += '(';
      for (size_t i = 0; i < t.size(); ++i)
        write(path_below(path, std::to_string(i)), t.elements()[i], level + 1);
      text += 't';
      return;
    }
    text += "}(";
    auto names = names_of(path, t);
    for (size_t i = 0; i < names.size(); ++i) {
      const auto& [key, part] = t.items()[i];
      if (!detail::is_utf8(key))
        refuse(path, "expected keys in UTF-8, got another one. Rename it.");
      string(names[i]);
      write(path_below(path, key), part, level + 1);
    }
    text += 'u';
  }

 private:
  [[noreturn]] static void refuse(const std::string& path, const std::string& message) {
    UnsupportedError error(kSave, message);
    error.prepend_path_(path);
    throw error;
  }

  static std::vector<std::string> names_of(const std::string& path, const Tree& t) {
    try {
      return io::names_of_keys(t.items());
    } catch (const io::Fault& fault) {
      refuse(path_below(path, fault.place), fault.message);
    }
  }

  void string(std::string_view value) {
    text += 'X';
    io::zip::append<uint32_t>(text, static_cast<uint32_t>(value.size()));
    text += value;
  }
  void integer(int64_t value) {
    if (value == static_cast<int32_t>(value)) {
      text += 'J';
      io::zip::append<int32_t>(text, static_cast<int32_t>(value));
    } else {
      text += "\x8a\x08";
      io::zip::append<int64_t>(text, value);
    }
  }
  void integers(ShapeView values) {
    text += '(';
    for (int64_t value : values) integer(value);
    text += 't';
  }
  // What stands in torch's modules: "torch\nFloatStorage\n".
  void global(std::string_view full) {
    auto dot = full.rfind('.');
    text += fmt::format("c{}\n{}\n", full.substr(0, dot), full.substr(dot + 1));
  }

  void leaf(const std::string& path, const Tree& t) {
    if (t.is_none()) {
      text += 'N';
    } else if (t.is<bool>()) {
      text += t.scalar<bool>() ? '\x88' : '\x89';
    } else if (t.is<int64_t>()) {
      integer(t.scalar<int64_t>());
    } else if (t.is<double>()) {
      auto bits = std::bit_cast<uint64_t>(t.scalar<double>());
      text += 'G';
      for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(bits >> shift & 0xffU);
    } else if (t.is_string()) {
      auto value = t.scalar<std::string>();
      if (!detail::is_utf8(value) || value.size() > UINT32_MAX)
        refuse(path, "expected a text in UTF-8 of less than 4 GiB, got another.");
      string(value);
    } else if (t.is_rng()) {
      text += '}';
      string(".rng");
      integer(std::bit_cast<int64_t>(t.scalar<Rng>().key()));
      text += 's';
    } else if (!t.tensor().defined()) {
      text += '}';
      string(".tensor");
      text += "Ns";
    } else {
      tensor(path, t.tensor());
    }
  }

  void tensor(const std::string& path, const Tensor& t) {
    auto [known, is_new] =
        memo_.emplace(t.unsafeGetTensorImpl(), static_cast<uint32_t>(tensors.size()));
    if (!is_new) {
      text += 'j';
      io::zip::append(text, known->second);
      return;
    }
    if (!io::has_dense_elements(t))
      refuse(path, "expected a dense tensor that has its values, got another kind. Convert it.");
    auto dtype = std::ranges::find(kDtypes, t.scalar_type(), &DtypeName::dtype);
    if (dtype == kDtypes.end())
      refuse(path, fmt::format("expected a dtype that PyTorch saves, got {}. Convert it.",
                               dtype_text(t.scalar_type())));
    auto name = std::string(kPrefix) + std::string(dtype->name);
    global(dtype->is_storage ? kRebuild2 : kRebuild3);
    text += "((";
    string("storage");
    global(dtype->is_storage ? std::string_view(name) : kUntyped);
    string(std::to_string(tensors.size()));
    string("cpu");
    integer(dtype->is_storage ? t.numel() : t.numel() * static_cast<int64_t>(t.element_size()));
    text += "tQ";
    integer(0);
    integers(t.sizes());
    integers(contiguous_strides(t.sizes()));
    text += '\x89';
    global("collections.OrderedDict");
    text += ")R";
    if (!dtype->is_storage) global(name);
    text += "tRr";
    io::zip::append(text, known->second);
    tensors.push_back(t);
  }

  static std::vector<int64_t> contiguous_strides(ShapeView sizes) {
    std::vector<int64_t> strides(sizes.size(), 1);
    for (size_t i = sizes.size(); i-- > 1;)
      strides[i - 1] = strides[i] * std::max<int64_t>(sizes[i], 1);
    return strides;
  }

  std::unordered_map<const void*, uint32_t> memo_;
};

}  // namespace

void save(const std::filesystem::path& path, const Tree& tree, SaveOptions options) {
  Pickler pickler;
  if (options.state_dict) {
    pickler.write_flat(tree);
  } else {
    pickler.write("", tree, 0);
  }
  pickler.text += '.';
  io::AtomicFile file(kSave, path);
  io::ZipWriter zip(file);
  zip.add("archive/data.pkl", pickler.text);
  zip.add("archive/.format_version", "1");
  zip.add("archive/.storage_alignment", "64");
  zip.add("archive/byteorder", "little");
  for (size_t i = 0; i < pickler.tensors.size(); ++i) {
    const Tensor& tensor = pickler.tensors[i];
    zip.add(fmt::format("archive/data/{}", i), tensor.numel() * tensor.element_size(), false,
            [&](const auto& to) {
              Tensor dense = io::dense(tensor);
              to(io::bytes_of(dense));
            });
  }
  zip.add("archive/version", "3\n");
  zip.finish();
  file.commit();
}

}  // namespace luxtorch::torch_archive
