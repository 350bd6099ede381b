"""Weights of one network put into another, name by name."""

from steps_py.errors import StepsError, did_you_mean, some


def load_weights(module, state, where, leave_out=()):
    """Copy the tensors of `state` into `module`; whatever is not named fits, or it is an error.

    Parameters
    ----------
    module : torch.nn.Module
    state : dict of str to tensor
        As of ``state_dict()``.
    where : str
        What the messages begin with: the file that `state` comes from.
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
    steps_py.errors.StepsError: final.pt: does not fit the network: head.bias (3) instead of (5), \
head.weight (3, 2) instead of (5, 2). Change the config, or leave these parts out by name.
    """
    own = module.state_dict()
    for part in leave_out:
        if not any(_within(name, [part]) for name in own):
            known = {name.partition(".")[0] for name in own}
            raise StepsError(f"{where}: no part '{part}' to leave out. {did_you_mean(part, known)}")
    given = {name: x for name, x in state.items() if not _within(name, leave_out)}
    wanted = {name: x for name, x in own.items() if not _within(name, leave_out)}
    faults = [f"{name} is missing" for name in sorted(wanted.keys() - given.keys())]
    faults += [f"{name} is one too many" for name in sorted(given.keys() - wanted.keys())]
    faults += [
        f"{name} {_shape(given[name])} instead of {_shape(wanted[name])}"
        for name in sorted(given.keys() & wanted.keys())
        if given[name].shape != wanted[name].shape
    ]
    if faults:
        raise StepsError(
            f"{where}: does not fit the network: {some(faults)}."
            " Change the config, or leave these parts out by name."
        )
    module.load_state_dict(own | given, strict=True)


def _within(name, parts):
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def _shape(x):
    return f"({', '.join(map(str, x.shape))})"
