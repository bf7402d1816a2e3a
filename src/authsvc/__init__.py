"""authsvc: who am I, where am I signed in, what may I do."""

__version__ = "0.7.0"
