// The entry points that libFuzzer calls, for the target LUXTORCH_FUZZ_TARGET.
#include <ATen/Parallel.h>

#include "fuzz/target.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* bytes, size_t size, size_t most);

namespace {

const luxtorch::fuzz::Target& target() {
  static const auto kTarget = luxtorch::fuzz::LUXTORCH_FUZZ_TARGET();
  return kTarget;
}

void change(std::string& bytes, size_t most) {
  size_t size = bytes.size();
  bytes.resize(std::max(size, most));
  bytes.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(bytes.data()), size, bytes.size()));
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*count*/, char*** /*arguments*/) {
  at::set_num_threads(1);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  target().read({reinterpret_cast<const char*>(bytes), size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* bytes, size_t size, size_t most, unsigned seed) {
  std::string file =
      target().damage({reinterpret_cast<const char*>(bytes), size}, most, seed, change);
  file.resize(std::min(file.size(), most));
  std::copy(file.begin(), file.end(), bytes);
  return file.size();
}
