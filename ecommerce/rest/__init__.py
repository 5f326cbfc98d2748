"""REST plumbing that all apps' views share."""
