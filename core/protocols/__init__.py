"""The protocols, and the modules that they share."""
