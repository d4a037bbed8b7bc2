// Bad input to torch_archive::save and load, made by hand: pickles that lie, ask for too much or go on
// without end; damaged files.
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <random>

#include "io/memory_file.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/torch_archive.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch {
namespace {

using namespace std::string_literals;

template <class T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// A stored zip archive with checksums of 0.
std::string archive_of(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string file, directory;
  for (const auto& [name, bytes] : entries) {
    std::string common;
    for (uint16_t field : {20, 0, 0, 0, 0}) append<uint16_t>(common, field);
    append<uint32_t>(common, 0);
    for (int i = 0; i < 2; ++i) append(common, static_cast<uint32_t>(bytes.size()));
    append(common, static_cast<uint16_t>(name.size()));
    append<uint16_t>(common, 0);
    directory += "PK\1\2\0\0"s + common + std::string(10, '\0');
    append(directory, static_cast<uint32_t>(file.size()));
    directory += name;
    file += "PK\3\4" + common + name + bytes;
  }
  auto offset = static_cast<uint32_t>(file.size());
  file += directory + "PK\5\6\0\0\0\0"s;
  for (int i = 0; i < 2; ++i) append(file, static_cast<uint16_t>(entries.size()));
  append(file, static_cast<uint32_t>(directory.size()));
  append(file, offset);
  return file + "\0\0"s;
}

// The tree, or what load says after the path, without the advice.
std::string error_of_archive(const std::string& bytes, Tree* tree = nullptr) {
  test::MemoryFile file;
  file.hold(bytes);
  std::string head = "[torch_archive::load] at " + file.path().string(), text;
  try {
    Tree read = torch_archive::load(file.path(), {.verify_checksums = false});
    if (tree) *tree = read;
    return "";
  } catch (const FormatError& error) {
    text = error.what();
    text = text.substr(0, text.find(". The file is damaged or not a file of torch.save"));
  } catch (const UnsupportedError& error) {
    text = error.what();
  }
  EXPECT_EQ(text.find(head), 0U) << text;
  return text.substr(head.size());
}
std::string error_of_pickle(const std::string& pickle, Tree* tree = nullptr) {
  auto text = error_of_archive(
      archive_of({{"a/data.pkl", pickle}, {"a/data/0", std::string(16, '\1')}}), tree);
  constexpr std::string_view kHead = ", a/data.pkl";
  return text.starts_with(kHead) ? text.substr(kHead.size()) : text;
}

const std::string kStorage =
    "((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
    "0X\3\0\0\0cpuK\4tQ"s;
// A tensor of the 4 floats of data/0, by its offset, sizes and strides.
std::string pickled_tensor(const std::string& parts) {
  return "\x80\2ctorch._utils\n_rebuild_tensor_v2\n" + kStorage + parts +
         "\x89"
         "ccollections\nOrderedDict\n)RtR.";
}

TEST(TorchArchiveErrors, PicklesOfValues) {
  Tree tree;
  EXPECT_EQ(error_of_pickle("\x80\2}(X\1\0\0\0aK\5X\3\0\0\0b.cK\6u."s, &tree), "");
  EXPECT_SAME(tree, named({{"a", 5}, {"b", named({{"c", 6}})}}));
  EXPECT_EQ(error_of_pickle("}(X\1\0\0\0aK\5X\1\0\0\0aK\6u."s, &tree), "");
  EXPECT_SAME(tree, named({{"a", 6}}));
  EXPECT_EQ(error_of_pickle(pickled_tensor("K\0(K\2K\2t(K\2K\1t"s), &tree), "");
  EXPECT_EQ(tree.tensor().sizes().vec(), (std::vector<int64_t>{2, 2}));
}

TEST(TorchArchiveErrors, TextsOfPython2) {
  Tree tree;
  EXPECT_EQ(error_of_pickle("S'it\\'s \\x41\\102\\n\\\\ \\q\\0'\n.", &tree), "");
  EXPECT_SAME(tree, Tree(std::string("it's AB\n\\ \\q\0", 13)));
  EXPECT_EQ(error_of_pickle("S\"a'\\xc3\\xa9\"\n.", &tree), "");
  EXPECT_SAME(tree, Tree("a'\xc3\xa9"));
  for (const char* bad : {"S'\\'\n.", "S'\\x4'\n.", "S'\\xzz'\n.", "S'a\n.", "Sa\n."})
    EXPECT_NE(error_of_pickle(bad), "") << bad;
}

TEST(TorchArchiveErrors, PicklesThatAreNone) {
  EXPECT_EQ(error_of_pickle(""), ", byte 0: expected 1 bytes, got the end after 0");
  EXPECT_EQ(error_of_pickle("K"), ", byte 0: expected 1 bytes, got the end after 0");
  EXPECT_EQ(error_of_pickle("."), ", byte 0: expected a value on the stack, got none");
  EXPECT_EQ(error_of_pickle("NN."), ", byte 2: expected one value at the end, got more");
  EXPECT_EQ(error_of_pickle("N(."), ", byte 2: expected a value on the stack, got none");
  EXPECT_EQ(error_of_pickle("t."), ", byte 0: expected a mark on the stack, got none");
  EXPECT_EQ(error_of_pickle("h\7."), ", byte 0: expected a value that was noted, got number 7");
  EXPECT_EQ(error_of_pickle("X\xff\xff\xff\xffzz."),
            ", byte 0: expected 4294967295 bytes, got the end after 3");
  EXPECT_EQ(error_of_pickle("X\1\0\0\0\xff."s),
            ", byte 0: expected a text in UTF-8, got other bytes");
  EXPECT_EQ(error_of_pickle("(Ka"
                            "d."),
            ", byte 3: expected a value for each key, got a key alone");
  EXPECT_EQ(error_of_pickle(")Na."), ", byte 2: expected a list, got a tuple");
  EXPECT_EQ(error_of_pickle("}}b."),
            ", byte 2: expected an OrderedDict for attributes, got a dict");
  EXPECT_EQ(error_of_pickle("\x80\xff."),
            ", byte 0: expected a pickle's version, up to 5, got 255");
}

TEST(TorchArchiveErrors, PicklesThatAskForMore) {
  auto asks = [](const std::string& name) {
    return ": expected tensors, dicts, lists, tuples, numbers and strings, got a pickle that asks "
           "for \"" +
           name + "\". Nothing of it was run. Save a state_dict().";
  };
  EXPECT_EQ(error_of_pickle("cos\nsystem\nX\4\0\0\0true\x85R."s), ", byte 0" + asks("os.system"));
  EXPECT_EQ(error_of_pickle("\x8c\2os\x8c\6system\x93."), ", byte 12" + asks("os.system"));
  EXPECT_EQ(error_of_pickle("ctorch\nhub.load\n."), ", byte 0" + asks("torch.hub.load"));
  EXPECT_EQ(error_of_pickle("(S'ls'\nios\nsystem\n.").substr(0, 20), ", byte 7: expected t");
  EXPECT_EQ(error_of_pickle("ctorch\nFloatStorage\n)R."),
            ", byte 21: expected a call that makes a tensor, got torch.FloatStorage");
  EXPECT_EQ(error_of_pickle("ctorch\nFloatStorage\n."),
            ": expected tensors, dicts, lists, tuples, numbers and strings, got torch.FloatStorage "
            "as a value.");
}

TEST(TorchArchiveErrors, TensorsOutsideTheirStorage) {
  auto outside = [](const std::string& parts) {
    return error_of_pickle(pickled_tensor(parts))
               .find("expected a tensor inside its storage of 4") != std::string::npos;
  };
  EXPECT_TRUE(outside("K\1(K\2K\2t(K\2K\1t"s));
  EXPECT_TRUE(outside("K\4(t(t"s));
  EXPECT_TRUE(outside("J\xff\xff\xff\xff(t(t"s));
  EXPECT_TRUE(outside("K\0(\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7ft(K\2t"s));
  EXPECT_TRUE(outside("K\0(K\2t(\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7ft"s));
  EXPECT_TRUE(outside("K\0(J\0\0\0\x40J\0\0\0\x40J\0\0\0\x40t(K\0K\0K\0t"s));
  EXPECT_NE(error_of_pickle(pickled_tensor("K\0(K\2K\2t(K\1t"s)).find("expected 2 strides, got 1"),
            std::string::npos);
  EXPECT_NE(error_of_archive(
                archive_of({{"a/data.pkl", pickled_tensor("K\0(t(t"s)}, {"a/data/0", "1234"}}))
                .find("a/data/0: expected 4 elements of 4 bytes, got 4 bytes"),
            std::string::npos);
  EXPECT_NE(error_of_archive(archive_of({{"a/data.pkl", pickled_tensor("K\0(t(t"s)}}))
                .find("the record a/data/0"),
            std::string::npos);
}

TEST(TorchArchiveErrors, NestingWithoutEnd) {
  std::string levels = ": expected at most 500 levels, got more.";
  EXPECT_EQ(error_of_pickle(std::string(1000000, ']') + std::string(999999, 'a') + "."), levels);
  EXPECT_EQ(error_of_pickle("N" + std::string(1000000, '\x85') + "."), levels);
  EXPECT_EQ(error_of_pickle("]q\0h\0a."s), levels);  // a list in itself
  // Each level holds the one before twice.
  std::string laughs = "N";
  for (int i = 0; i < 100; ++i) laughs += "q\0h\0\x86"s;
  EXPECT_EQ(error_of_pickle(laughs + "."), ": expected at most 10000000 values, got more.");
  // A long list and a dict that has one key many times, in many places.
  constexpr int kTimes = 15000;
  std::string items, again = "]";
  for (int i = 0; i < kTimes; ++i) items += "K\1K\1", again += "h\0a"s;
  for (const std::string& one : {"](" + items + "e", "}(" + items + "u"})
    EXPECT_EQ(error_of_pickle(one + "q\0"s + again + "\x86."),
              ": expected at most 10000000 values, got more.");
  std::string long_key(2000, '.');
  EXPECT_NE(error_of_pickle("}X\xd0\7\0\0"s + long_key + "Ns."), "");
}

TEST(TorchArchiveErrors, APartInManyPlacesIsOnePart) {
  Tree tree;
  // Each level holds the one before twice: 4 million values of 22.
  std::string doubled = "N";
  for (int i = 0; i < 21; ++i) doubled += "q\0h\0\x86"s;
  EXPECT_EQ(error_of_pickle(doubled + ".", &tree), "");
  EXPECT_EQ(tree.elements()[0].elements().data(), tree.elements()[1].elements().data());
  // In one place it is within 500 levels, in the other it is not.
  std::string chain = "N" + std::string(300, '\x85') + "q\0"s;
  EXPECT_EQ(error_of_pickle(chain + std::string(199, '\x85') + "h\0\x86."s), "");
  EXPECT_EQ(error_of_pickle(chain + std::string(200, '\x85') + "h\0\x86."s),
            ": expected at most 500 levels, got more.");
  EXPECT_EQ(error_of_pickle("(" + chain + "h\0"s + std::string(200, '\x85') + "t."),
            ": expected at most 500 levels, got more.");
}

TEST(TorchArchiveErrors, CallsThatCopyOneValueWithoutEnd) {
  std::string list = "](" + std::string(1'000'000, 'N') + "eq\0"s;
  std::string dict = "}(" + std::string(1'000'000, 'N') + "uq\0"s;
  std::string text("X\x40\x42\x0f\0"s + std::string(1'000'000, 'a') + "q\0"s);
  auto again = [](const std::string& first, const std::string& call) {
    std::string pickle = first;
    for (int i = 0; i < 1000; ++i) pickle += "0" + call;
    return error_of_pickle(pickle + ".");
  };
  std::string more = ": expected calls that give at most 268435456 bytes together, got more.";
  EXPECT_EQ(again(list, "cbuiltins\nset\nh\0\x85R"s), more);
  EXPECT_EQ(again(list, "ctorch.jit._pickle\nrestore_type_tag\nh\0N\x86R"s), more);
  EXPECT_EQ(again(dict, "ccollections\nCounter\nh\0\x85R"s), more);
  EXPECT_EQ(again(dict, "c__torch__\nModule\n)\x81h\0b"s), more);
  EXPECT_EQ(again(text, "c_codecs\nencode\nh\0X\6\0\0\0latin1\x86R"s), more);
}

TEST(TorchArchiveErrors, MoreStoragesThanAnyModelHas) {
  std::string pickle = kStorage.substr(0, kStorage.size() - 1) + "q\0Q"s;
  for (int i = 0; i < 1'000'000; ++i) pickle += "0h\0Q"s;
  EXPECT_NE(error_of_pickle(pickle + ".").find("at most 1000000 tensors and storages, got more."),
            std::string::npos);
}

TEST(TorchArchiveErrors, BoolsOfAStorageOfOtherBytesAreFalseOrTrue) {
  auto part = [](const std::string& storage) {
    return "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\n"s + storage +
           "\nX\1\0\0\0"
           "0X\3\0\0\0cpuK\4tQK\0(K\4t(K\1t\x89"
           "ccollections\nOrderedDict\n)RtR"s;
  };
  std::string pickle = part("ByteStorage") + part("BoolStorage") + "\x86.", bytes = "\0\1\2\xff"s;
  Tree tree;
  EXPECT_EQ(error_of_archive(archive_of({{"a/data.pkl", pickle}, {"a/data/0", bytes}}), &tree), "");
  auto values = [&](size_t i) {
    const auto* first = static_cast<const uint8_t*>(tree.elements()[i].tensor().const_data_ptr());
    return std::vector<uint8_t>(first, first + 4);
  };
  EXPECT_EQ(values(0), (std::vector<uint8_t>{0, 1, 2, 255}));
  EXPECT_EQ(values(1), (std::vector<uint8_t>{0, 1, 1, 1}));
  EXPECT_EQ(tree.elements()[1].tensor().scalar_type(), kBool);
}

TEST(TorchArchiveErrors, KeysThatAreNoPathsAreEscapedAndOthersRefused) {
  Tree tree;
  EXPECT_EQ(error_of_pickle("}(X\1\0\0\0aK\5X\3\0\0\0a.cK\6u."s, &tree), "");
  EXPECT_EQ(tree["a"].scalar<int64_t>(), 5);
  EXPECT_EQ(tree["a%2Ec"].scalar<int64_t>(), 6);
  EXPECT_EQ(error_of_pickle("}X\0\0\0\0Ns."s, &tree), "");
  EXPECT_TRUE(tree["%"].is_none());
  EXPECT_EQ(error_of_pickle("}X\1\0\0\0a}}Nss."s),
            ", a: expected keys that are numbers, texts or tuples of them, got a dict.");
}

TEST(TorchArchiveErrors, WhatCannotBeHeldIsRefusedBeforeTheFileIsTouched) {
  auto folder = test::fresh_folder("torch_archive_refused");
  test::write_file(folder / "a.pt", "old");
  EXPECT_ERROR(
      UnsupportedError,
      torch_archive::save(folder / "a.pt", named({{"w", at::zeros({2}).to_sparse()}})),
      "[torch_archive::save] at w: expected a dense tensor that has its values, got another "
      "kind. Convert it.");
  EXPECT_ERROR(
      UnsupportedError, torch_archive::save(folder / "a.pt", tuple({"\xff"})),
      "[torch_archive::save] at 0: expected a text in UTF-8 of less than 4 GiB, got another.");
  EXPECT_EQ(test::read_file(folder / "a.pt"), "old");
  EXPECT_EQ(test::entries(folder), 1U);
}

std::string small_file() {
  auto path = test::fresh_folder("torch_archive_damage") / "a.pt";
  torch_archive::save(path, named({{"a", named({{"w", at::zeros({2, 3})}})},
                                   {"b", at::zeros({4}, Dtype::UInt16)},
                                   {"c", tuple({1, 0.5, "text", true, Tree()})}}));
  return test::read_file(path);
}

// Anything but an Error or a value ends the test program.
bool loads_as_archive(const test::MemoryFile& file, const std::string& bytes,
                      bool verify_checksums) {
  file.hold(bytes);
  try {
    Tree tree = torch_archive::load(file.path(), {.verify_checksums = verify_checksums});
    tree::for_each([](const std::string&, const Tree&) {}, tree);
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find("[torch_archive::load] at "), 0U) << error.what();
    return false;
  }
}

TEST(TorchArchiveDamage, FilesCutAnywhereGiveAnError) {
  test::MemoryFile memory;
  std::string bytes = small_file();
  for (size_t size = 0; size < bytes.size(); ++size)
    ASSERT_FALSE(loads_as_archive(memory, bytes.substr(0, size), true)) << size;
}

TEST(TorchArchiveDamage, ChangedBytesGiveAnErrorOrAValue) {
  test::MemoryFile memory;
  std::mt19937_64 random(20260713);
  std::string original = small_file();
  size_t pickle = original.find("\x80\2}"), end = original.find("PK", pickle);
  int errors = 0, values = 0;
  for (int i = 0; i < 40000; ++i) {
    std::string bytes = original;
    bool in_pickle = i % 4 != 0;
    for (size_t changes = 1 + random() % 3; changes > 0; --changes) {
      auto& byte = bytes[in_pickle ? pickle + random() % (end - pickle) : random() % bytes.size()];
      byte = static_cast<char>(random() % 2 == 0 ? byte ^ (1 << random() % 8)
                                                 : "(.RtuqhQ\0\xff\x7f\x80"[random() % 12]);
    }
    (loads_as_archive(memory, bytes, !in_pickle) ? values : errors)++;
  }
  EXPECT_GT(errors, 10000);
  EXPECT_GT(values, 1000);
}

}  // namespace
}  // namespace luxtorch
