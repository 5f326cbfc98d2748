"""The configuration files of the parts."""

import json
import secrets
import subprocess
from pathlib import Path

from deploy.cluster.layout import (
    DATABASE,
    ETCD,
    FOLDER,
    GRPC,
    HOST,
    HTTPS,
    PATRONI,
    PGBOUNCER,
    POSTGRES,
    PRIMARY,
    USER,
    WEB,
    postgres_programs,
)

TTL_S, LOOP_S, RETRY_S = 20, 5, 5  # Patroni: a silent primary is replaced after TTL_S at the latest


def write_all() -> None:
    """Write every file, and make a certification authority with a certificate for localhost."""
    for name in ("run", "log"):
        (FOLDER / name).mkdir(parents=True, exist_ok=True)
    if not (FOLDER / "secret").exists():
        (FOLDER / "secret").write_text(secrets.token_urlsafe(48))
    for name in POSTGRES:
        (FOLDER / f"{name}.json").write_text(json.dumps(_patroni(name), indent=1))  # JSON is YAML
    (FOLDER / "haproxy.cfg").write_text(_haproxy())
    (FOLDER / "pgbouncer.ini").write_text(_pgbouncer())
    (FOLDER / "users.txt").write_text(f'"{USER}" ""\n')
    (FOLDER / "nginx.conf").write_text(_nginx())
    if not (FOLDER / "server.pem").exists():
        _make_certificates()


def _patroni(name: str) -> dict[str, object]:
    folder = FOLDER / name
    access = [f"host {database} all {HOST}/32 trust" for database in ("all", "replication")]
    return {
        "scope": "shop",
        "name": name,
        "restapi": {"listen": f"{HOST}:{PATRONI[name]}", "connect_address": f"{HOST}:{PATRONI[name]}"},
        "etcd3": {"host": f"{HOST}:{ETCD}"},
        "bootstrap": {
            "dcs": {
                "ttl": TTL_S,
                "loop_wait": LOOP_S,
                "retry_timeout": RETRY_S,
                # A commit is acknowledged when the replica has it; without a replica, the primary goes on alone.
                "synchronous_mode": True,
                "postgresql": {"use_pg_rewind": True, "parameters": {"max_connections": 150, "wal_log_hints": "on"}},
            },
            "initdb": ["data-checksums", {"encoding": "UTF8"}, {"locale": "C.UTF-8"}],
            "pg_hba": access,
        },
        "postgresql": {
            "listen": f"{HOST}:{POSTGRES[name]}",
            "connect_address": f"{HOST}:{POSTGRES[name]}",
            "data_dir": str(folder),
            "bin_dir": str(postgres_programs()),
            "pgpass": str(FOLDER / "run" / f"{name}.pgpass"),
            "pg_hba": access,
            "authentication": {
                role: {"username": "postgres", "password": "not-used-on-loopback"}
                for role in ("superuser", "replication", "rewind")
            },
            "parameters": {"unix_socket_directories": str(FOLDER / "run")},
        },
    }


def _haproxy() -> str:
    servers = "\n".join(
        f"    server {name} {HOST}:{port} check port {PATRONI[name]}" for name, port in POSTGRES.items()
    )
    return f"""# The primary is the PostgreSQL whose Patroni answers 200 to /primary.
global
    maxconn 1000
defaults
    mode tcp
    timeout connect 3s
    timeout client 1h
    timeout server 1h
listen primary
    bind {HOST}:{PRIMARY}
    option httpchk OPTIONS /primary
    http-check expect status 200
    default-server inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
{servers}
"""


def _pgbouncer() -> str:
    return f"""[databases]
{DATABASE} = host={HOST} port={PRIMARY} dbname={DATABASE} user={USER}
[pgbouncer]
listen_addr = {HOST}
listen_port = {PGBOUNCER}
unix_socket_dir = {FOLDER}/run
auth_type = trust
auth_file = {FOLDER}/users.txt
pool_mode = transaction
default_pool_size = 20
max_client_conn = 500
server_connect_timeout = 3
server_login_retry = 1
query_wait_timeout = 20
"""


def _nginx() -> str:
    web = "".join(f"        server {HOST}:{port} max_fails=1 fail_timeout=2s;\n" for port in WEB.values())
    grpc = "".join(f"        server {HOST}:{port} max_fails=1 fail_timeout=2s;\n" for port in GRPC.values())
    return f"""# TLS and HTTP/2 for clients; requests go to a node that answers.
worker_processes 2;
pid {FOLDER}/run/nginx.pid;
error_log {FOLDER}/log/nginx-errors.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {FOLDER}/run/body;
    proxy_temp_path {FOLDER}/run/proxy;
    fastcgi_temp_path {FOLDER}/run/fastcgi;
    uwsgi_temp_path {FOLDER}/run/uwsgi;
    scgi_temp_path {FOLDER}/run/scgi;
    upstream web {{
{web}        keepalive 32;
    }}
    upstream grpc {{
{grpc}        keepalive 32;
    }}
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    server {{
        listen {HOST}:{HTTPS} ssl http2;
        ssl_certificate {FOLDER}/server.pem;
        ssl_certificate_key {FOLDER}/server.key;
        client_max_body_size 6m;
        proxy_http_version 1.1;
        proxy_buffering off;
        proxy_read_timeout 1h;
        proxy_connect_timeout 2s;
        proxy_set_header Host $http_host;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        # A write is not repeated by nginx: its client repeats it, with the idempotency key.
        proxy_next_upstream error timeout;
        location / {{ proxy_pass http://web; }}
        location ~ ^/(ecommerce|grpc)\\. {{
            grpc_pass grpc://grpc;
            grpc_read_timeout 1h;
            grpc_connect_timeout 2s;
            grpc_set_header X-Forwarded-For $remote_addr;
            error_page 502 503 504 = @unavailable;
        }}
        location @unavailable {{
            default_type application/grpc;
            add_header grpc-status 14 always;
            add_header grpc-message unavailable always;
            return 204;
        }}
    }}
}}
"""


def _make_certificates() -> None:
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=FOLDER, check=True, capture_output=True)  # noqa: S603, S607

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-subj", "/CN=Cluster CA", "-keyout", "ca.key", "-out", "ca.pem")  # fmt: skip
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
            "-keyout", "server.key", "-out", "server.csr")  # fmt: skip
    Path(FOLDER / "names.txt").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "30", "-extfile", "names.txt", "-out", "server.pem")  # fmt: skip
