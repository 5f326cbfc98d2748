"""Lists: filters, pages and totals."""
