"""A whole deployment on one machine, from Debian's packages, to try outages on.

    python -m deploy.cluster up            # starts everything, and prints the addresses
    python -m deploy.cluster status
    python -m deploy.cluster load          # orders, reads and streams through nginx, for --seconds
    python -m deploy.cluster kill web-1    # kills a part (SIGKILL); `start web-1` starts it again
    python -m deploy.cluster drill         # kills each part in turn under load, and prints what clients saw
    python -m deploy.cluster down

    nginx (TLS, HTTP/2)  ->  web-1, web-2 (manage.py serve), grpc-1, grpc-2 (manage.py grpcrunserver)
    web and gRPC         ->  pgbouncer -> haproxy -> the primary of postgres-1 and postgres-2
    patroni and etcd     ->  decide which PostgreSQL is the primary; replication is synchronous
    redis                ->  counts the rate budgets

Packages: postgresql patroni etcd-server haproxy pgbouncer redis-server nginx openssl.
"""
