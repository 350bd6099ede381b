"""The network: an encoder, a pooling and an embedding, each chosen by name in a recipe.

registries.py names what can be chosen; encoders/, poolings/ and losses/ hold one class
a file; build.py fits the parts together.
"""
