"""The processes that serve the shop: connections, threads, logs, health and start-up checks."""
