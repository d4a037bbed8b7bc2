// luxtorch's part of the files task. Each line that it reads is answered by one of JSON:
//
//     tree KIND MEGABYTES     makes the tree that is saved: vectors or matrices of float32
//     save FILE               in the format of the file's extension; loading likewise
//     load FILE
//     check FILE              loads it untimed: is it the tree, bit for bit?
//
// ns: how long it took; peak: the most memory meanwhile, in bytes more than before.

#include <malloc.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>

#include "luxtorch/core/ops.h"
#include "luxtorch/io/io.h"
#include "luxtorch/tree.h"

namespace {

namespace lux = luxtorch;
using lux::Tree;

int64_t memory(const std::string& name) {  // of /proc/self/status, in bytes
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(name + ":")) return std::stoll(line.substr(name.size() + 1)) * 1024;
  return 0;
}

template <class F>
void measure(F f) {
  ::malloc_trim(0);                             // what the last one left
  std::ofstream("/proc/self/clear_refs") << 5;  // VmHWM starts again at VmRSS
  int64_t before = memory("VmRSS");
  auto start = std::chrono::steady_clock::now();
  [[maybe_unused]] auto kept = f();
  auto ns = std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count();
  std::cout << "{\"ns\": " << ns << ", \"peak\": " << memory("VmHWM") - before << '}' << std::endl;
}

// Values that differ, so that nothing is compressed or found equal by chance.
lux::Tensor array(int64_t rows, int64_t columns, int64_t number) {
  auto values =
      lux::arange(number + rows * columns, {.dtype = lux::kFloat32}).slice(0, number).clone();
  return columns == 1 ? values : values.reshape({rows, columns});
}

Tree make_tree(const std::string& kind, int64_t megabytes) {
  int64_t left = megabytes * 1000000 / 4;  // elements
  std::vector<Tree::Item> items;
  auto add = [&](int64_t rows, int64_t columns) {
    rows = std::min(rows, left / columns);
    if (rows > 0) {
      auto number = static_cast<int64_t>(items.size());
      items.emplace_back("array_" + std::to_string(number), array(rows, columns, number));
    }
    left -= rows * columns;
    return rows > 0;
  };
  if (kind == "vectors")
    for (int64_t size = left / 16; add(size, 1);) {
    }
  else
    while (add(4096, 4096) && add(1000, 30011) && add(50021, 257) && add(128, 512) && add(3, 999)) {
    }
  return lux::named(std::move(items));
}

}  // namespace

int main() {
  std::cout << "{\"ready\": \"luxtorch\", \"threads\": " << std::thread::hardware_concurrency()
            << '}' << std::endl;
  Tree tree;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string what, file;
    words >> what >> file;
    try {
      if (what == "tree") {
        int64_t megabytes = 0;
        words >> megabytes;
        tree = Tree();
        tree = make_tree(file, megabytes);
        std::cout << "{\"bytes\": " << lux::tree::bytes(tree) << '}' << std::endl;
      } else if (what == "save") {
        measure([&] { return (lux::io::save(file, tree), 0); });
      } else if (what == "load") {
        measure([&] { return lux::io::load(file); });
      } else {
        bool equal = lux::tree::equal(lux::io::load(file), tree);
        std::cout << "{\"equal\": " << (equal ? "true" : "false") << '}' << std::endl;
      }
    } catch (const std::exception& error) {
      std::cout << "{\"skip\": " << std::quoted(error.what()) << '}' << std::endl;
    }
  }
}
