"""The change feed: every change of a product and every step of an order, in one sequence for all live protocols."""
