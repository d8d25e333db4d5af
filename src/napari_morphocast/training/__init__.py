"""The one training loop, its events and its checkpoints."""
