"""The stored log of requests: what support needs to follow one request by its X-Request-ID."""
