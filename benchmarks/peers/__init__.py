"""The contestants of `benchmarks.compare`: each serves the same shop, written as the tutorial of its framework has it.

None of them imports the shop; the gRPC servers share its protos. All read the URL of the database from PEERS_DATABASE.
"""
