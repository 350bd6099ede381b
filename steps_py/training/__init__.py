"""What a training is made of besides its steps: config, processes, policies, validation.

`steps_py.trainer` is the state and a step of it, `steps_py.train` the loop around the steps.
"""
