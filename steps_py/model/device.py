"""Device and precision of the network."""

import ctypes

import torch

from steps_py.errors import ConfigError, did_you_mean

PRECISIONS = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(name: str, where: str, local_rank: int = 0) -> torch.device:
    """``auto``, ``cpu`` or ``cuda`` -> torch.device; auto selects a GPU if there is one.

    A process uses the GPU number `local_rank` of its machine.  `where` is the section, for
    messages.  Raises ConfigError for an unknown name or if there are too few GPUs.
    """
    if name not in ("auto", "cpu", "cuda"):
        hint = did_you_mean(name, ["auto", "cpu", "cuda"])
        raise ConfigError(f"{where}: device is '{name}'. {hint}")
    has_gpu = name != "cpu" and torch.cuda.is_available()
    if name == "cuda" and not has_gpu:
        raise ConfigError(
            f"{where}: device is cuda, but no GPU is offered to this job. Request one (gpu in"
            " cluster.yaml), or set device to auto."
        )
    if has_gpu and local_rank >= torch.cuda.device_count():
        raise ConfigError(
            f"{where}: {local_rank + 1} processes need a GPU each, but this job has"
            f" {torch.cuda.device_count()}. Request more (gpu in cluster.yaml)."
        )
    return torch.device("cuda", local_rank) if has_gpu else torch.device("cpu")


def choose_precision(name: str, device: torch.device) -> str:
    """``auto``, ``float32``, ``bf16`` or ``fp16`` -> one of the latter three.

    ``auto`` is float32 on a CPU, and on a GPU bf16, or fp16 if the GPU does not support bf16.
    """
    if name not in ("auto", *PRECISIONS):
        raise ConfigError(f"train: precision is '{name}'. {did_you_mean(name, PRECISIONS)}")
    if name == "fp16" and device.type == "cpu":
        raise ConfigError("train: precision fp16 needs a GPU. Set train.precision to auto.")
    if name != "auto":
        return name
    if device.type == "cpu":
        return "float32"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def keep_freed_memory() -> None:
    """Configure malloc to keep freed memory instead of returning it to the system.

    A step on a CPU frees and allocates the same large blocks each time; without the page faults
    it is up to 40 % faster.  Does nothing if malloc has no such option (glibc has).
    """
    mmap_max, trim_threshold = -4, -1  # malloc.h: M_MMAP_MAX, M_TRIM_THRESHOLD
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, -1)
