#include "fit/event_messages.h"

#include <ATen/core/Tensor.h>

#include "fit/crc32c.h"

namespace luxtorch::detail {

namespace {

// tensorboard/compat/proto/types.proto and summary.proto.
enum DataType { kFloat = 1, kDouble = 2, kString = 7 };
enum { kDataClassTensor = 2 };

ProtobufMessage plugin_metadata(std::string_view plugin, std::string_view content, bool tensor) {
  ProtobufMessage data, metadata;
  data.bytes(1, plugin);
  if (!content.empty()) data.bytes(2, content);
  metadata.message(1, data);
  if (tensor) metadata.integer(4, kDataClassTensor);
  return metadata;
}

ProtobufMessage tensor_of(DataType type, const std::vector<int64_t>& shape) {
  ProtobufMessage sizes, tensor;
  for (const auto size : shape) sizes.message(2, ProtobufMessage().integer(1, size));
  return tensor.integer(1, type).message(2, sizes);
}

ProtobufMessage value_of(std::string_view tag, const ProtobufMessage& metadata,
                         const ProtobufMessage& tensor) {
  return ProtobufMessage().bytes(1, tag).message(9, metadata).message(8, tensor);
}

}  // namespace

ProtobufMessage scalar_value(std::string_view tag, float value) {
  return ProtobufMessage().bytes(1, tag).float32(2, value);
}

ProtobufMessage text_value(std::string_view tag, std::string_view text) {
  return value_of(tag, plugin_metadata("text", "", true), tensor_of(kString, {}).bytes(8, text));
}

ProtobufMessage histogram_value(std::string_view tag, const Tensor& rows) {
  std::string content;
  const double* values = rows.const_data_ptr<double>();
  for (int64_t i = 0; i < rows.numel(); ++i) content += little_endian(values[i]);
  return value_of(tag, plugin_metadata("histograms", "", true),
                  tensor_of(kDouble, {rows.size(0), rows.size(1)}).bytes(4, content));
}

ProtobufMessage summary_event(const ProtobufMessage& value, int64_t step, double time) {
  return ProtobufMessage().float64(1, time).integer(2, step).message(
      5, ProtobufMessage().message(1, value));
}

ProtobufMessage version_event(double time) {
  return ProtobufMessage().float64(1, time).bytes(3, "brain.Event:2");
}

ProtobufMessage restart_event(int64_t step, double time) {
  constexpr int64_t kStart = 1;
  return ProtobufMessage().float64(1, time).integer(2, step).message(
      7, ProtobufMessage().integer(1, kStart));
}

std::string record_of(const ProtobufMessage& event) {
  const auto length = little_endian(static_cast<uint64_t>(event.text().size()));
  return length + little_endian(masked_crc32c(length)) + event.text() +
         little_endian(masked_crc32c(event.text()));
}

// plugins/hparams/plugin_data.proto and api.proto.

namespace {

enum HparamType : int64_t { kTypeString = 1, kTypeBool = 2, kTypeFloat64 = 3 };

HparamType type_of(const Tree& leaf) {
  if (leaf.is_string()) return kTypeString;
  return leaf.is<bool>() ? kTypeBool : kTypeFloat64;
}

// google.protobuf.Value: number_value = 2, string_value = 3, bool_value = 4.
ProtobufMessage json_value(const Tree& leaf) {
  ProtobufMessage value;
  if (leaf.is_string()) return value.bytes(3, leaf.scalar<std::string>());
  if (leaf.is<bool>()) return value.integer(4, leaf.scalar<bool>());
  return value.float64(2, leaf.scalar<double>());
}

ProtobufMessage hparams_value(std::string_view tag, int field, const ProtobufMessage& part) {
  const auto data = ProtobufMessage().integer(1, 0).message(field, part);
  // TensorBoard's own writer puts a tensor of one 0 there, for programs that expect one.
  return value_of(tag, plugin_metadata("hparams", data.text(), true),
                  tensor_of(kFloat, {1}).float32(5, 0));
}

}  // namespace

ProtobufMessage experiment_value(const Tree& hparams, const std::vector<std::string>& metrics,
                                 double time) {
  ProtobufMessage experiment;
  experiment.float64(3, time);
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        experiment.message(4, ProtobufMessage().bytes(1, path).integer(4, type_of(leaf)));
      },
      hparams);
  for (const auto& tag : metrics)
    experiment.message(5, ProtobufMessage().message(1, ProtobufMessage().bytes(2, tag)));
  return hparams_value("_hparams_/experiment", 2, experiment);
}

ProtobufMessage session_start_value(const Tree& hparams, std::string_view name, double time) {
  ProtobufMessage start;
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        start.message(1, ProtobufMessage().bytes(1, path).message(2, json_value(leaf)));
      },
      hparams);
  start.bytes(4, name).float64(5, time);
  return hparams_value("_hparams_/session_start_info", 3, start);
}

ProtobufMessage session_end_value(bool success, double time) {
  enum { kSuccess = 1, kFailure = 2 };
  return hparams_value(
      "_hparams_/session_end_info", 4,
      ProtobufMessage().integer(1, success ? kSuccess : kFailure).float64(2, time));
}

}  // namespace luxtorch::detail
