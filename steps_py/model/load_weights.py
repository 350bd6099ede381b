"""Loading of weights into another network, by name."""

from collections.abc import Mapping, Sequence

import torch

from steps_py.errors import StepsError, did_you_mean, some

FIX = "Set model to the section that it was trained with."


def load_weights(
    module: torch.nn.Module,
    state: Mapping[str, torch.Tensor],
    where: str,
    fix: str = FIX,
    leave_out: Sequence[str] = (),
) -> None:
    """Copy the tensors of `state` into `module`; names and shapes must match.

    Parameters
    ----------
    module : torch.nn.Module
    state : dict of str to tensor
        As of ``state_dict()``.
    where : str
        Beginning of error messages: the file that `state` was read from.
    fix : str
        End of error messages: what to do.
    leave_out : sequence of str
        Submodules of `module` that keep their weights, such as "embedding".  Tensors of `state`
        with these names are ignored.

    Raises
    ------
    StepsError
        If a weight is missing, unexpected or of another shape, or a name in `leave_out` does not
        exist.

    >>> from torch import nn
    >>> def network(num_speakers):
    ...     return nn.ModuleDict({"net": nn.Linear(2, 2), "head": nn.Linear(2, num_speakers)})
    >>> old, new = network(3), network(5)
    >>> load_weights(new, old.state_dict(), "final.pt", leave_out=["head"])
    >>> bool((new["net"].weight == old["net"].weight).all())
    True
    >>> load_weights(new, old.state_dict(), "final.pt")
    Traceback (most recent call last):
    steps_py.errors.StepsError: final.pt: does not fit (head.bias is [3], here [5], head.weight \
is [3, 2], here [5, 2]). Set model to the section that it was trained with.
    """
    own = module.state_dict()
    for submodule in leave_out:
        if not any(_within(name, [submodule]) for name in own):
            known = {name.partition(".")[0] for name in own}
            raise StepsError(
                f"{where}: leave_out: no module '{submodule}'. {did_you_mean(submodule, known)}"
            )
    given = {name: x for name, x in state.items() if not _within(name, leave_out)}
    wanted = {name: x for name, x in own.items() if not _within(name, leave_out)}
    faults = [f"{name} is missing" for name in sorted(wanted.keys() - given.keys())]
    faults += [f"{name} is unexpected" for name in sorted(given.keys() - wanted.keys())]
    faults += [
        f"{name} is {list(given[name].shape)}, here {list(wanted[name].shape)}"
        for name in sorted(given.keys() & wanted.keys())
        if given[name].shape != wanted[name].shape
    ]
    if faults:
        raise StepsError(f"{where}: does not fit ({some(faults)}). {fix}")
    module.load_state_dict(own | given, strict=True)


def _within(name, submodules):
    return any(name == each or name.startswith(f"{each}.") for each in submodules)
