"""Values and rules of the service; imports no library."""
