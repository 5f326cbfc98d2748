"""REST, GraphQL and gRPC compared: the same tasks, measured, for the front page and `manage.py compare`."""
