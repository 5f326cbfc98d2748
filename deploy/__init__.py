"""Files and tools for running the shop on several processes and machines."""
