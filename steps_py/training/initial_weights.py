"""Initial weights from another run or from the previous stage.

The head is the weights of the loss, such as a classifier; it is stored in head.pt beside final.pt.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from steps_py.errors import ConfigError
from steps_py.model.extractor import load_extractor
from steps_py.model.load_weights import load_weights
from steps_py.model.model_file import read_model_file, write_model_file
from steps_py.model.registries import LOSSES
from steps_py.training.config import InitConfig, Sections
from steps_py.training.network import Network

if TYPE_CHECKING:  # circular at run time
    from steps_py.training.trainer import Trainer

HEAD_FIX = "Set without_head: true for a new head, or give the loss that it was trained with."


def save_head(path: Path, loss: torch.nn.Module, config: dict, speakers: list[str] | None) -> None:
    """Write head.pt: the weights of the loss, which training needs and extraction does not."""
    state = {name: x.detach().cpu() for name, x in loss.state_dict().items()}
    write_model_file(path, "head", {"loss": state, "config": config, "speakers": speakers})


def initialise(
    network: Network,
    init: InitConfig | None,
    speakers: list[str] | None,
    previous: "Trainer | None",
    new_head: bool,
    log: Callable[[str], object],
) -> None:
    """Load the weights of the previous stage or of ``train.init`` into a Network.

    Without either, the weights stay as drawn.  With `new_head`, those of the loss do.  Objectives
    continue those of their names in the previous stage.
    """
    if previous is None:
        if init is not None:
            load_initial(init, network.model, network.loss, speakers, log)
        return
    where = f"train.stages: stage {previous.stage + 1}"
    load_weights(network.model, previous.network.model.state_dict(), where)
    network.terms.continue_from(previous.network.terms, log)
    if new_head:
        log(f"train: stage {previous.stage + 1}: the head is initialised at random (new_head)")
    else:
        losses = previous.network.loss, network.loss
        _continue_head(*losses, previous.config.loss, network.config.loss, where)


def check_heads(stages: Sequence[tuple[Sections, bool]]) -> None:
    """Raise StepsError unless the loss of each stage can begin with the weights of the one before.

    A training of days ends otherwise where the second stage begins.  No random number is drawn.
    """
    with torch.random.fork_rng(devices=[]):
        sections = [section for section, _ in stages]
        configs = [section["train"].loss for section in sections]
        in_dim = sections[0]["model"].embedding_dim
        losses = [LOSSES.build(loss, in_dim=in_dim, num_speakers=2) for loss in configs]
    for number, (_, new_head) in enumerate(stages[1:], 1):
        if not new_head:
            where = f"train.stages: stage {number + 1}"
            pair = slice(number - 1, number + 1)
            _continue_head(*losses[pair], *configs[pair], where)


def _continue_head(old, new, old_config, new_config, where):
    """Copy the weights of a loss into that of the next stage, or into the part that is the same."""
    fix = "Set new_head: true in that stage."
    old_part = old.find_part(new_config) or old
    new_part = new.find_part(old_config) or new
    load_weights(new_part, old_part.state_dict(), where, fix)


def load_initial(
    init: InitConfig,
    model: torch.nn.Module,
    loss: torch.nn.Module,
    speakers: list[str] | None,
    log: Callable[[str], object],
) -> None:
    """Load the weights that ``train.init`` names into `model` and `loss`.

    The head is read from head.pt beside the model, unless ``without_head`` is set.  Modules in
    ``leave_out`` keep their random initial weights.  Raises StepsError if a weight is missing,
    unexpected or of another shape, or if the head belongs to other speakers.
    """
    path = Path(init.model)
    state, leave_out = load_extractor(path).model.state_dict(), init.leave_out
    fix = (
        "Set model to the section it was trained with, or list the modules that differ in"
        " leave_out."
    )
    load_weights(model, state, f"train.init: {path}", fix, leave_out)
    if leave_out:
        log(f"train: {', '.join(leave_out)} is not read from {path}; initialised at random")
    if init.without_head:
        log(f"train: initialised from {path}; the head is initialised at random (without_head)")
        return
    saved, _ = read_model_file(path.with_name("head.pt"), "head")
    if saved["speakers"] != speakers:
        raise ConfigError(
            f"train.init: {path.with_name('head.pt')}: its {len(saved['speakers'] or [])} speakers"
            f" are not the {len(speakers or [])} of the training list. Set"
            " train.init.without_head: true for a new head."
        )
    part = loss.find_part(saved["config"]) or loss
    load_weights(part, saved["loss"], f"train.init: {path.with_name('head.pt')}", HEAD_FIX)
    log(f"train: initialised from {path} and its head")
