"""One small system and two of its recordings, for all tests that only read them."""

import pytest
import torch

from steps_py import load_system
from tests.support.small_extractor import write_model, write_recording
from tests.support.small_system import write_system

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def system_path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("system")
    return write_system(folder / "system.swx", write_model(folder, more="--dither=0\n"))


@pytest.fixture(scope="session")
def system(system_path):
    return load_system(system_path)


@pytest.fixture(scope="session")
def wavs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    return [write_recording(folder / f"{name}.wav", seed=n) for n, name in enumerate("abc")]
