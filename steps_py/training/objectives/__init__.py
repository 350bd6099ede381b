"""Terms of the loss that need more than a loss on one embedding: one class per file, in OBJECTIVES.

The contract is in base.py.
"""

from steps_py.registry import import_modules

import_modules(__name__, __path__)
