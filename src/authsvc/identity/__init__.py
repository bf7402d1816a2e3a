"""From a credential to the caller it stands for."""
