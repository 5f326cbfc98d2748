"""SalesFigures about the sales: summaries of past days, kept exact by triggers, and their page in the admin."""
