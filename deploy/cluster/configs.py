"""The configuration files of the parts."""

import json
import secrets
import subprocess
from collections.abc import Mapping
from configparser import ConfigParser
from io import StringIO
from pathlib import Path

from deploy.cluster.layout import (
    DATABASE,
    ETCD,
    FOLDER,
    GRPC,
    HOST,
    HTTP,
    HTTPS,
    METRICS,
    PATRONI,
    PGBOUNCER,
    POSTGRES,
    PRIMARY,
    ROOT,
    USER,
    WEB,
    postgres_programs,
)

NGINX_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
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
    (FOLDER / "prometheus.yml").write_text(json.dumps(_prometheus(), indent=1))
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
                # While etcd is down, the primary goes on if it reaches every member; else it would become read-only.
                "failsafe_mode": True,
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
    """Return deploy/pgbouncer/pgbouncer.ini, in front of haproxy and without passwords."""
    config = ConfigParser(interpolation=None)
    config.read(ROOT / "deploy/pgbouncer/pgbouncer.ini")
    config["databases"] = {DATABASE: f"host={HOST} port={PRIMARY} dbname={DATABASE} user={USER}"}
    here = {"listen_addr": HOST, "listen_port": str(PGBOUNCER), "unix_socket_dir": f"{FOLDER}/run"}
    access = {"auth_type": "trust", "auth_file": f"{FOLDER}/users.txt"}
    quick = {"server_connect_timeout": "3", "server_login_retry": "1", "query_wait_timeout": "20"}  # after a failover
    config["pgbouncer"].update(here | access | quick)
    text = StringIO()
    config.write(text)
    return text.getvalue()


def _prometheus() -> dict[str, object]:
    """Return deploy/prometheus/prometheus.yml, for the servers of the cluster and at short intervals."""
    targets = [
        {"targets": [f"{HOST}:{port}"], "labels": {"process": name.partition("-")[0]}} for name, port in METRICS.items()
    ]
    return {
        "global": {"scrape_interval": "2s", "evaluation_interval": "2s"},
        "rule_files": [str(ROOT / "deploy/prometheus/alerts.yml")],
        "scrape_configs": [{"job_name": "shop", "static_configs": targets}],
    }


def _nginx() -> str:
    """Return deploy/nginx.conf with the addresses and files of the cluster. Raises ValueError if one is missing."""
    temporary = "".join(f"    {kind}_temp_path {FOLDER}/run/{kind};\n" for kind in NGINX_TEMPORARY)
    text = (ROOT / "deploy/nginx.conf").read_text()
    for theirs, ours in {
        "pid /tmp/nginx.pid": f"pid {FOLDER}/run/nginx.pid",
        "error_log stderr warn": f"error_log {FOLDER}/log/nginx-errors.log warn",
        "    include mime.types;\n": temporary,
        "        server web:8000 max_fails=0;": _servers(WEB).rstrip("\n"),
        "        server grpc:50051 max_fails=0;": _servers(GRPC).rstrip("\n"),
        "root /srv;": f"root {FOLDER};",
        "listen 8080": f"listen {HOST}:{HTTP}",
        "listen 8443": f"listen {HOST}:{HTTPS}",
        "/etc/nginx/tls.crt": f"{FOLDER}/server.pem",
        "/etc/nginx/tls.key": f"{FOLDER}/server.key",
    }.items():
        if text.count(theirs) != 1:
            raise ValueError(f"deploy/nginx.conf has {theirs!r} {text.count(theirs)} times")
        text = text.replace(theirs, ours)
    return text


def _servers(ports: Mapping[str, int]) -> str:
    return "".join(f"        server {HOST}:{port} max_fails=0;\n" for port in ports.values())


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
