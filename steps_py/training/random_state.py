"""The state of torch's random generators, as a checkpoint keeps it."""

import torch

RandomState = tuple[torch.Tensor, torch.Tensor | None]  # of the CPU, and of the GPU if it trains


def random_state(device: torch.device) -> RandomState:
    """State of the generators that a training on `device` draws from."""
    on_gpu = device.type == "cuda"
    return torch.get_rng_state(), torch.cuda.get_rng_state() if on_gpu else None


def set_random_state(device: torch.device, state: RandomState) -> None:
    """Restore what `random_state` returned; a GPU's state is ignored on a CPU and vice versa."""
    cpu, gpu = state
    torch.set_rng_state(cpu)
    if device.type == "cuda" and gpu is not None:
        torch.cuda.set_rng_state(gpu)
