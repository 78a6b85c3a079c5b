"""What can go wrong with filling the store."""


class ModelError(Exception):
    """A model cannot be put where it belongs; one line with model, reason and remedy."""
