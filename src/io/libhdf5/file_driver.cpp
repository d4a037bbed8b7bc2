#include "io/libhdf5/file_driver.h"

#if __has_include(<H5FDdevelop.h>)
#include <H5FDdevelop.h>  // where HDF5 1.14 has what drivers need
#endif

#include <algorithm>
#include <exception>
#include <map>
#include <vector>

namespace luxtorch::hdf5 {

// What the file holds, and what it would hold if the disk had taken it.
struct FileDriver::State {
  static constexpr uint64_t kPage = 1 << 16;

  io::AtomicFile* file;  // null: the driver is gone, though libhdf5 has not closed the file
  uint64_t end = 0;      // of what was written
  std::exception_ptr failure = nullptr;
  std::map<uint64_t, std::vector<char>> pages = {};  // by number, since the failure

  template <class F>
  void unless_failed(F f) {
    if (failure != nullptr || file == nullptr) return;
    try {
      f();
    } catch (...) {
      failure = std::current_exception();
    }
  }

  void write(uint64_t offset, std::string_view bytes) {
    end = std::max(end, offset + bytes.size());
    unless_failed([&] { file->write_at(offset, bytes); });
  }

  void write_metadata(uint64_t offset, std::string_view bytes) {
    write(offset, bytes);
    while (failure != nullptr && !bytes.empty()) {
      std::vector<char>& page = page_with(offset);
      size_t count = std::min<size_t>(bytes.size(), kPage - offset % kPage);
      bytes.copy(page.data() + offset % kPage, count);
      bytes.remove_prefix(count);
      offset += count;
    }
  }

  std::vector<char>& page_with(uint64_t offset) {
    uint64_t number = offset / kPage;
    auto known = pages.find(number);
    if (known != pages.end()) return known->second;
    std::vector<char> page(kPage);
    if (file != nullptr) file->read_at(number * kPage, page.data(), kPage);
    return pages.emplace(number, std::move(page)).first->second;
  }

  void read(uint64_t offset, char* to, size_t count) const {
    std::fill_n(to, count, '\0');
    if (file != nullptr) file->read_at(offset, to, count);
    for (auto page = pages.lower_bound(offset / kPage);
         page != pages.end() && page->first * kPage < offset + count; ++page) {
      uint64_t begin = std::max(page->first * kPage, offset);
      uint64_t past = std::min((page->first + 1) * kPage, offset + count);
      std::copy_n(page->second.data() + begin % kPage, past - begin, to + (begin - offset));
    }
  }

  void resize(uint64_t size) {
    end = size;
    unless_failed([&] { file->resize(size); });
  }
};

// What libhdf5 calls, which knows no exceptions.
struct FileDriver::Callbacks {
  using StatePtr = std::shared_ptr<State>;

  struct Choice {  // the driver's part of an access property list, copied byte by byte
    const StatePtr* state;
  };
  struct OpenFile {
    H5FD_t base;  // libhdf5's own part comes first
    StatePtr state;
    haddr_t end_of_allocated;
  };

  static OpenFile& of(H5FD_t* file) { return *reinterpret_cast<OpenFile*>(file); }
  static const OpenFile& of(const H5FD_t* file) { return *reinterpret_cast<const OpenFile*>(file); }

  template <class F>
  static herr_t result(F f) {
    try {
      f();
      return 0;
    } catch (...) {
      return -1;
    }
  }

  static H5FD_t* open(const char* /*name*/, unsigned /*flags*/, hid_t access_list,
                      haddr_t /*largest*/) {
    const auto* choice = static_cast<const Choice*>(H5Pget_driver_info(access_list));
    OpenFile* file = nullptr;
    if (choice != nullptr) result([&] { file = new OpenFile{{}, *choice->state, 0}; });
    return file == nullptr ? nullptr : &file->base;
  }
  static herr_t close(H5FD_t* file) {
    delete &of(file);
    return 0;
  }
  static herr_t query(const H5FD_t* /*file*/, unsigned long* flags) {
    // No sieve, which would read elements back.
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA |
             H5FD_FEAT_AGGREGATE_SMALLDATA;
    return 0;
  }

  static haddr_t end_of_allocated(const H5FD_t* file, H5FD_mem_t /*type*/) {
    return of(file).end_of_allocated;
  }
  static herr_t set_end_of_allocated(H5FD_t* file, H5FD_mem_t /*type*/, haddr_t end) {
    of(file).end_of_allocated = end;
    return 0;
  }
  static haddr_t end_of_file(const H5FD_t* file, H5FD_mem_t /*type*/) {
    return of(file).state->end;
  }

  static herr_t read(H5FD_t* file, H5FD_mem_t /*type*/, hid_t /*transfer*/, haddr_t offset,
                     size_t count, void* to) {
    return result([&] { of(file).state->read(offset, static_cast<char*>(to), count); });
  }
  static herr_t write(H5FD_t* file, H5FD_mem_t type, hid_t /*transfer*/, haddr_t offset,
                      size_t count, const void* from) {
    std::string_view bytes(static_cast<const char*>(from), count);
    State& state = *of(file).state;
    return result([&] {
      type == H5FD_MEM_DRAW ? state.write(offset, bytes) : state.write_metadata(offset, bytes);
    });
  }
  static herr_t truncate(H5FD_t* file, hid_t /*transfer*/, hbool_t /*closing*/) {
    of(file).state->resize(of(file).end_of_allocated);
    return 0;
  }

  static H5FD_class_t driver() {
    H5FD_class_t driver{};
#ifdef H5FD_CLASS_VERSION
    driver.version = H5FD_CLASS_VERSION;
    driver.value = static_cast<H5FD_class_value_t>(H5_VFD_RESERVED + 1);
#endif
    driver.name = "luxtorch";
    driver.maxaddr = INT64_MAX;
    driver.fc_degree = H5F_CLOSE_WEAK;
    driver.fapl_size = sizeof(Choice);
    driver.open = open;
    driver.close = close;
    driver.query = query;
    driver.get_eoa = end_of_allocated;
    driver.set_eoa = set_end_of_allocated;
    driver.get_eof = end_of_file;
    driver.read = read;
    driver.write = write;
    driver.truncate = truncate;
    constexpr H5FD_mem_t kFreeSpace[] = H5FD_FLMAP_DICHOTOMY;
    std::copy(std::begin(kFreeSpace), std::end(kFreeSpace), driver.fl_map);
    return driver;
  }

  static hid_t registered() {
    H5FD_class_t all = driver();
    return H5FDregister(&all);
  }
};

FileDriver::FileDriver(io::AtomicFile& file)
    : driver_(Callbacks::registered(), H5FDunregister), state_(new State{.file = &file}) {}

FileDriver::~FileDriver() { state_->file = nullptr; }

void FileDriver::choose_in(hid_t access_list) const {
  Callbacks::Choice choice{&state_};
  check(H5Pset_driver(access_list, driver_, &choice));
}

void FileDriver::write(uint64_t offset, std::string_view bytes) { state_->write(offset, bytes); }

bool FileDriver::failed() const { return state_->failure != nullptr; }

void FileDriver::finish() const {
  if (state_->failure != nullptr) std::rethrow_exception(state_->failure);
}

}  // namespace luxtorch::hdf5
