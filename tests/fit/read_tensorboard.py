"""Reads the event files of a folder with TensorBoard's own code and prints what it finds as JSON; 77 where it is not installed."""

import json
import sys

try:
    from tensorboard.backend.event_processing import event_accumulator
    from tensorboard.plugins.hparams import metadata as hparams
except ImportError:
    sys.exit(77)

from tensorboard.util import tensor_util

# 0: all points.
reader = event_accumulator.EventAccumulator(
    sys.argv[1], size_guidance={event_accumulator.TENSORS: 0, event_accumulator.SCALARS: 0})
reader.Reload()
found = {"scalars": {}, "texts": {}, "histograms": {}, "hparams": {}}
for tag in reader.Tags()["scalars"]:
    found["scalars"][tag] = [[event.step, event.value] for event in reader.Scalars(tag)]

kinds = {"text": "texts", "histograms": "histograms"}
for tag in reader.Tags()["tensors"]:
    metadata = reader.SummaryMetadata(tag)
    kind = kinds.get(metadata.plugin_data.plugin_name)
    if kind is None:
        continue
    points = [(event.step, tensor_util.make_ndarray(event.tensor_proto)) for event in reader.Tensors(tag)]
    if kind == "texts":
        found[kind][tag] = [[step, value.item().decode()] for step, value in points]
    else:
        found[kind][tag] = [[step, value.tolist()] for step, value in points]

try:
    contents = reader.PluginTagToContent("hparams")
except KeyError:
    contents = {}
for tag, content in contents.items():
    if tag == hparams.EXPERIMENT_TAG:
        experiment = hparams.parse_experiment_plugin_data(content)
        found["hparams"]["columns"] = [[info.name, info.type] for info in experiment.hparam_infos]
        found["hparams"]["metrics"] = [info.name.tag for info in experiment.metric_infos]
    elif tag == hparams.SESSION_START_INFO_TAG:
        values = hparams.parse_session_start_info_plugin_data(content).hparams
        found["hparams"]["values"] = {name: getattr(value, value.WhichOneof("kind")) for name, value in values.items()}
    elif tag == hparams.SESSION_END_INFO_TAG:
        found["hparams"]["status"] = hparams.parse_session_end_info_plugin_data(content).status
print(json.dumps(found))
