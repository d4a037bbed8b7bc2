#include "io/plain_hdf5.h"

namespace luxtorch::test {

std::vector<Hdf5Format> hdf5_formats() {
  return {{"Earliest", H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST, 0},
          {"V18", H5F_LIBVER_V18, H5F_LIBVER_V18, 2},
          {"Latest", H5F_LIBVER_LATEST, H5F_LIBVER_LATEST, 3}};
}

H5::H5File create_hdf5(const std::filesystem::path& path, const Hdf5Format& format) {
  H5::FileAccPropList access;
  access.setLibverBounds(format.low, format.high);
  return {path.string(), H5F_ACC_TRUNC, H5::FileCreatPropList::DEFAULT, access};
}

void write_counting(H5::Group& group, const std::string& name, const Chunked& shape) {
  H5::DSetCreatPropList create;
  create.setChunk(static_cast<int>(shape.chunk.size()), shape.chunk.data());
  if (shape.deflate) create.setShuffle();
  if (shape.deflate) create.setDeflate(5);
  if (shape.early) create.setAllocTime(H5D_ALLOC_TIME_EARLY);
  H5::DataSpace space(static_cast<int>(shape.dims.size()), shape.dims.data(), shape.most.data());
  auto dataset = group.createDataSet(name, H5::PredType::STD_I32LE, space, create);
  hsize_t count = 1;
  for (hsize_t dim : shape.dims) count *= dim;
  std::vector<int> values(count);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int>(i);
  dataset.write(values.data(), H5::PredType::NATIVE_INT);
}

void write_hdf5_zoo(const std::filesystem::path& path, const Hdf5Format& format) {
  H5::H5File file = create_hdf5(path, format);
  constexpr hsize_t kNoLimit = H5S_UNLIMITED;
  write_counting(file, "fixed", {{7, 5}, {7, 5}, {3, 2}, true});
  write_counting(file, "implicit", {{7, 5}, {7, 5}, {3, 2}, false, true});
  write_counting(file, "growing", {{90}, {kNoLimit}, {1}});
  write_counting(file, "growing_deflated", {{9, 3}, {kNoLimit, 3}, {2, 2}, true});
  write_counting(file, "square", {{20, 20}, {kNoLimit, kNoLimit}, {3, 3}});
  write_counting(file, "one", {{7, 5}, {7, 5}, {7, 5}});
  H5::Group group = file.createGroup("group");
  for (int i = 0; i < 30; ++i)
    group.createDataSet("value_" + std::to_string(i), H5::PredType::STD_I16LE, H5::DataSpace());
  H5::StrType text(H5::PredType::C_S1, 8);
  file.createDataSet("text", text, H5::DataSpace()).write("abc\0\0\0\0", text);
  H5::EnumType boolean(H5::PredType::NATIVE_INT8);
  for (int8_t value : {0, 1}) boolean.insert(value == 0 ? "FALSE" : "TRUE", &value);
  file.createDataSet("flag", boolean, H5::DataSpace());
}

}  // namespace luxtorch::test
