"""The history of rows: triggers write one row for each change, manual SQL included, and the shop adds its origin."""
