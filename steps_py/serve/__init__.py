"""A system behind HTTP: embed, verify, enrol and identify, for several clients at once."""
