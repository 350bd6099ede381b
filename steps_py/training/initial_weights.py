"""Starting from the weights of another run: strictly, and what is left out is said."""

import hashlib
from pathlib import Path

from steps_py.errors import ConfigError
from steps_py.model.extractor import load_extractor
from steps_py.model.load_weights import load_weights
from steps_py.model.model_file import read_model_file, write_model_file


def save_head(path, loss, config, speakers):
    """Write head.pt, the weights of the loss: what training needs and extraction does not."""
    state = {name: x.detach().cpu() for name, x in loss.state_dict().items()}
    write_model_file(path, "head", {"loss": state, "config": config, "speakers": speakers})


def start_from(network, init, speakers, previous, new_head, say):
    """Give a Network the weights of the stage before, or of what ``train.init`` names."""
    if previous is None:
        if init is not None:
            load_initial(init, network.model, network.loss, speakers, say)
        return
    where = f"train.stages: stage {previous.stage + 1}"
    load_weights(network.model, previous.network.model.state_dict(), where)
    if new_head:
        say(f"train: stage {previous.stage + 1} has a new head; the old one is left out")
    else:
        cure = "Give that stage new_head: true."
        load_weights(network.loss, previous.network.loss.state_dict(), where, cure)


def load_initial(init, model, loss, speakers, say):
    """Put the weights that ``train.init`` names into `model` and `loss`.

    The head is read from head.pt beside the model, unless ``without_head`` leaves it out.  Parts
    of the network that ``leave_out`` names keep the weights they were drawn with.
    Raises StepsError if anything is missing, too many or of another shape.
    """
    path = Path(init.model)
    state, leave_out = load_extractor(path).model.state_dict(), init.leave_out
    cure = "Give the section model that it was trained with, or name parts in leave_out."
    load_weights(model, state, f"train.init: {path}", cure, leave_out)
    if leave_out:
        say(f"train: of {path}, {', '.join(leave_out)} is left out and starts at random")
    if init.without_head:
        say(f"train: starts from {path}; its head is left out, the new one is random")
        return
    saved, _ = read_model_file(path.with_name("head.pt"), "head")
    if saved["speakers"] != speakers:
        raise ConfigError(
            f"train.init: {path.with_name('head.pt')}: its {len(saved['speakers'] or [])} speakers"
            f" are not the {len(speakers or [])} that are trained on. Set"
            " train.init.without_head: true for a new head."
        )
    load_weights(loss, saved["loss"], f"train.init: {path.with_name('head.pt')}", HEAD_CURE)
    say(f"train: starts from {path} and its head")


HEAD_CURE = "Set without_head: true for a new head, or give the loss that it was trained with."


def digest_of(init):
    """SHA-256 of the files that ``train.init`` reads, or None; so a new file is a new training."""
    if init is None:
        return None
    paths = [Path(init.model)]
    paths += [] if init.without_head else [paths[0].with_name("head.pt")]
    digest = hashlib.sha256(" ".join(init.leave_out).encode())
    for path in paths:
        if not path.exists():
            raise ConfigError(
                f"train.init: {path} is not there. Train that model first; if only its head.pt is"
                " missing, set without_head: true."
            )
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
