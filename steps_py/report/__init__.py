"""The report of a finished recipe: one HTML file that needs no network."""
