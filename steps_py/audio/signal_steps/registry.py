"""The registry of signal steps; the contract is in this package's docstring."""

from steps_py.registry import Registry

SIGNAL_STEPS = Registry("signal step", home="steps_py.audio.signal_steps", facts=("keeps_length",))
