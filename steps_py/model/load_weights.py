"""Weights of one network put into another, name by name."""

from steps_py.errors import StepsError, did_you_mean, some

CURE = "Give the section model that it was trained with."


def load_weights(module, state, where, cure=CURE, leave_out=()):
    """Copy the tensors of `state` into `module`; whatever is not named fits, or it is an error.

    Parameters
    ----------
    module : torch.nn.Module
    state : dict of str to tensor
        As of ``state_dict()``.
    where : str
        What the messages begin with: the file that `state` comes from.
    cure : str
        What they end with.
    leave_out : sequence of str
        Parts of `module` that keep the weights they have, such as "embedding": the first
        words of dotted names.  Of `state` nothing is asked there.

    Raises
    ------
    StepsError
        If a weight is missing, is one too many, or has another shape; if a part to leave out
        does not exist.

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
is [3, 2], here [5, 2]). Give the section model that it was trained with.
    """
    own = module.state_dict()
    for part in leave_out:
        if not any(_within(name, [part]) for name in own):
            known = {name.partition(".")[0] for name in own}
            raise StepsError(f"{where}: no part '{part}' to leave out. {did_you_mean(part, known)}")
    given = {name: x for name, x in state.items() if not _within(name, leave_out)}
    wanted = {name: x for name, x in own.items() if not _within(name, leave_out)}
    faults = [f"{name} is missing" for name in sorted(wanted.keys() - given.keys())]
    faults += [f"{name} is not known here" for name in sorted(given.keys() - wanted.keys())]
    faults += [
        f"{name} is {list(given[name].shape)}, here {list(wanted[name].shape)}"
        for name in sorted(given.keys() & wanted.keys())
        if given[name].shape != wanted[name].shape
    ]
    if faults:
        raise StepsError(f"{where}: does not fit ({some(faults)}). {cure}")
    module.load_state_dict(own | given, strict=True)


def _within(name, parts):
    return any(name == part or name.startswith(f"{part}.") for part in parts)
