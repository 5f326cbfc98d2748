"""The start of the processes: their checks, the secret key, and when Python looks for garbage."""
