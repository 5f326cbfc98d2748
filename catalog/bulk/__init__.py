"""Changes of many products at once: with a result for each, and from price lists."""
