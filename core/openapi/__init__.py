"""The OpenAPI documents of REST, and the pages that show them."""
