"""GraphQL: the base of all apps' schemas, and the endpoint /graphql.

How a request is handled:

1. A plain POST of a common query: `plans.fast_path` answers it before Django's handler (see `plans`).
2. Any other POST or GET: `view`. `params` reads the parameters, `documents` parses and validates the document within
   `limits`, `cost` estimates its cost. Then its plan, or else `execution` by graphql-core, makes the result.
3. A subscription, over an event stream or a WebSocket: `live`. Each event is executed as in `execution`. Other
   operations of a WebSocket go through `operations` to the view.
4. A browser that asks for HTML gets GraphiQL: `page`.

`errors` writes refusals. Schemas use `resolvers` (one row, a list, a relation), `derived` (types and arguments from
serializers and filters), `connections` (Relay's pages) and `peers` (a relation is loaded for many rows at once).
"""
