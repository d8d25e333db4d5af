"""Layout of each dock, and nothing else: the only package that knows Qt and napari."""
