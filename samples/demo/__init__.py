"""The demo data: products, customers and some months of orders. Every load gives the same data, except the dates."""
