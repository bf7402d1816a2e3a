"""The heart: methods, calls, and the one pipeline that every call runs through."""
