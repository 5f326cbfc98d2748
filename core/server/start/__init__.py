"""The start of a process: checks, the secret key, garbage collection."""
