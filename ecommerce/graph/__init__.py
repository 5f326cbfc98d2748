"""GraphQL plumbing that all apps' schemas share."""
