"""The change feed: every change of a product and every step of an order, in one order, for every live protocol."""
