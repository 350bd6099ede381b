"""Layers of several encoders and poolings, aware of padding."""
