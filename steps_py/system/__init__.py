"""A finished recipe in one file, and what is done with it: embed, verify, enrol, identify."""
