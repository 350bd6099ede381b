"""Training of the network.

`trainer` holds the state and takes a step, `loop` runs the steps, `storage` and `checkpoint` save
the state, `processes` and `launch` run several processes.
"""
