"""Common queries of /graphql, compiled to plans: a plan returns the result without graphql-core.

How a request is handled:

1. `fast_path`: a plain POST of a document that has a plan is answered before Django's handler.
2. `graph.view`: any other request with such a document is answered by the same plan, inside the view.
3. graphql-core executes the rest: documents without a plan, mutations, subscriptions, and results with errors.

Read the modules in this order: `plan_cache` (a document gets its plan when it is sent for the second time),
`query_plan` (the plan, and its fields at the root), `levels` (the rows of one type, and the relations below them),
`selections` (the fields and arguments of a document).
"""
