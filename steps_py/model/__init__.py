"""The network: an encoder, a pooling and an embedding, each chosen by name in a recipe.

registries.py documents the contracts; encoders/, poolings/ and losses/ hold one class per
file; build.py assembles the network.
"""
