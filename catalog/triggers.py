"""What the database itself does on every write of a product."""

from ecommerce import triggers

product_version = triggers.register(
    triggers.version_trigger("catalog_product", ("catalog", "0001_initial"), touches_updated_at=True)
)
