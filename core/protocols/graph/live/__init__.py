"""GraphQL subscriptions, over WebSockets and event streams."""
