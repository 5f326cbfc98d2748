"""A shop worth looking at: products, customers and some months of orders, the same at every load but for the dates."""
