"""One Django project for all frameworks on Django. Each has a module with its API, named by PEERS_API."""
