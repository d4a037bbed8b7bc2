"""tools/comparison/cases: what the library has is compared with PyTorch, or it is known why not."""

import os
import re
import unittest
from pathlib import Path

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])
COMPARISON = SOURCE / "tools/comparison"

# Neither a module of torch.nn nor an optimiser of torch.optim, or one with another formula.
NOT_THERE = {
    "activations": {"identity", "logcosh", "lisht"},
    "losses": {
        "BinaryFocalLoss",
        "FocalLoss",
        "MSLELoss",
        "SquaredHingeLoss",
        "DiceCoeffLoss",
        "TverskyLoss",
        "SiameseContrastiveLoss",
    },
    "optimisers": {"OAdam", "AdaBelief", "Lion", "SignDecay", "ClipNorm", "AccumGrad", "LAMB"}  # not there
    | {"Muon"}  # for matrices alone; its golden values are torch.optim.Muon's
    | {"NAdam", "RAdam", "AMSGrad", "ClipGlobalNorm"},  # other formulas
}


def text(*files):
    return "\n".join(file.read_text() for file in files)


def missing(kind, names, sources):
    """Names that are neither used nor excepted, and exceptions that are no names or used."""
    used = {name for name in names if re.search(rf"\b{name}\b", re.sub(r'"[^"]*"|//.*', "", sources))}
    return (names - used - NOT_THERE[kind]) | (NOT_THERE[kind] & used) | (NOT_THERE[kind] - names)


class CasesTest(unittest.TestCase):
    def setUp(self):
        self.headers = SOURCE / "include/luxtorch"

    def test_every_activation_is_a_case(self):
        names = set(re.findall(r"^LUXTORCH_(?:NUMBERED_)?ACTIVATION\((\w+)", text(self.headers / "ops/activation.h"), re.M))
        self.assertGreater(len(names), 20)
        self.assertEqual(missing("activations", names, text(COMPARISON / "cases/activations.cpp")), set())

    def test_every_loss_is_a_case(self):
        names = set(re.findall(r"^struct (?:LUXTORCH_API )?(\w+Loss) {", text(*sorted((self.headers / "losses").glob("*.h"))), re.M))
        self.assertGreater(len(names), 10)
        self.assertEqual(missing("losses", names, text(COMPARISON / "cases/losses.cpp")), set())

    def test_every_optimiser_is_a_case(self):
        names = set(re.findall(r"^struct (?:LUXTORCH_API )?(\w+) : Optimizer {", text(self.headers / "optim/optim.h"), re.M))
        self.assertGreater(len(names), 15)
        self.assertEqual(missing("optimisers", names, text(COMPARISON / "optimisers.cpp")), set())

    def test_every_case_of_a_registration_is_written_on_both_sides(self):
        # That every layer has a case, or a reason for none, is a test of the registrations themselves.
        here = {
            re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower()
            for file in SOURCE.glob("tests/registrations/*.cpp")
            for name, rest in re.findall(r'\.name = "(\w+)"((?:(?!\.name = ).)*)', file.read_text(), re.S)
            if ".compared =" in rest
        }
        there = {file.stem for file in SOURCE.glob("tools/golden/modules/[!_]*.py") if "def compared(" in file.read_text()}
        self.assertEqual(here, there)


if __name__ == "__main__":
    unittest.main()
