"""What a training is made of besides its steps: config, processes, policies, validation.

`trainer` is the state and a step of it, `loop` the loop around the steps.
"""
