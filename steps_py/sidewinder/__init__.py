"""The command ``sidewinder``: what is done with a finished recipe, results/system.swx."""
