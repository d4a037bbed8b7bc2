// The messages of TensorBoard's event files: tensorboard/compat/proto/event.proto, summary.proto and
// plugins/hparams/plugin_data.proto, and the records that hold them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fit/protobuf_wire.h"
#include "luxtorch/core/types.h"
#include "luxtorch/tree.h"

namespace luxtorch::detail {

// What a Summary.Value of a tag can be.
ProtobufMessage scalar_value(std::string_view tag, float value);
/// text: Markdown.
ProtobufMessage text_value(std::string_view tag, std::string_view text);
/// rows: (bins, 3), float64, contiguous: left edge, right edge, count.
ProtobufMessage histogram_value(std::string_view tag, const Tensor& rows);

/// The equal bins of the finite values, between the smallest and the largest; an undefined tensor without any.
Tensor histogram_rows(const Tensor& values, int64_t bins);

// The three values by which the HParams tab knows a run. hparams: a named tree of numbers, strings and bools.
ProtobufMessage experiment_value(const Tree& hparams, const std::vector<std::string>& metrics,
                                 double time);
ProtobufMessage session_start_value(const Tree& hparams, std::string_view name, double time);
ProtobufMessage session_end_value(bool success, double time);

/// An Event with one Summary.Value.
ProtobufMessage summary_event(const ProtobufMessage& value, int64_t step, double time);
/// The Event that begins a file.
ProtobufMessage version_event(double time);
/// The Event after which readers forget what earlier files of the folder have at this step and beyond.
ProtobufMessage restart_event(int64_t step, double time);

/// A TFRecord: length, its checksum, the event, its checksum.
std::string record_of(const ProtobufMessage& event);

}  // namespace luxtorch::detail
