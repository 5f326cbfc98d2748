"""Rules for texts: their normal form, their comparison, and search."""
