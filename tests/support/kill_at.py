"""Kills a program at a place in its work instead of after a time: see kill_at.cpp."""

import os
from pathlib import Path

LIBRARY = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "tests/libkill_at.so"


def killed_at(call):
    """The environment variables of a program that kills itself right before this call (1 is the first) that changes files."""
    return {
        "LD_PRELOAD": str(LIBRARY),
        "LUXTORCH_KILL_AT": str(call),
        # A sanitizer's own library wants to be the first one.
        "ASAN_OPTIONS": ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"])),
    }
