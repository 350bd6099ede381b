"""The network: front-ends, an encoder, a pooling and an embedding, chosen by name in a recipe.

registries.py documents the contracts; front_ends/, encoders/, poolings/ and losses/ hold one class
per file; build.py assembles the network.
"""
