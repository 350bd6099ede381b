"""From samples to the input of a network, as modules of torch that are exported with it."""
