"""Budgets of requests: one for each caller, over all protocols and processes."""
