"""Behaviour of each dock: no Qt, no napari."""
