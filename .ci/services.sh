# shellcheck shell=bash
# PostgreSQL and Redis for .ci/run, which sources this file: the servers on the usual ports if they respond, or its own.
# To force servers of its own, set CI_POSTGRES_PORT and CI_REDIS_PORT to free ports. Such a server keeps its data in
# $scratch. Its port is below 32768, so that no outgoing connection can occupy it.

readonly database="shop_ci_$$_$RANDOM"
postgres_port=${CI_POSTGRES_PORT:-5432} redis_port=${CI_REDIS_PORT:-6379} redis_index=0
own_postgres="" own_redis="" lent_database="" lent_redis=""

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() {
    local port=$1
    while answers "$port"; do port=$((port + 1)); done
    echo "$port"
}

# Debian starts a service on installation. The policy prevents that: the run starts and stops its own server.
install_packages() {
    echo "Installing $*"
    [ "$(id -u)" = 0 ] || { echo "Only root can install $*" >&2; return 1; }
    local policy=/usr/sbin/policy-rc.d made=""
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        made=$policy
    fi
    local code=0
    {
        apt-get -qq update && apt-get -qq install --no-install-recommends "$@"
    } </dev/null >"$scratch/apt.log" 2>&1 || code=$?
    [ -z "$made" ] || rm -f "$made"
    [ "$code" = 0 ] || tail -n 30 "$scratch/apt.log" >&2
    return "$code"
}

sql() {
    .venv/bin/python - "postgresql://postgres@127.0.0.1:$postgres_port/postgres" "$@" <<'PYTHON'
import sys

import psycopg

with psycopg.connect(sys.argv[1], autocommit=True, connect_timeout=5) as connection:
    for statement in sys.argv[2:]:
        connection.execute(statement)
PYTHON
}

drop_databases() {
    .venv/bin/python - "postgresql://postgres@127.0.0.1:$postgres_port/postgres" "$database" <<'PYTHON'
import sys

import psycopg
from psycopg import sql

with psycopg.connect(sys.argv[1], autocommit=True, connect_timeout=5) as connection:
    ours = "SELECT datname FROM pg_database WHERE starts_with(datname, %s) OR starts_with(datname, 'test_' || %s)"
    for (name,) in connection.execute(ours, [sys.argv[2]] * 2).fetchall():
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
PYTHON
}

as_postgres() {
    if [ "$(id -u)" = 0 ]; then (cd "$scratch" && runuser -u postgres -- "$@"); else "$@"; fi
}

postgres_programs() { find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1 | xargs -r dirname; }

start_postgres() {
    if answers "$postgres_port" && sql "SELECT 1" 2>/dev/null; then
        echo "PostgreSQL responds on 127.0.0.1:$postgres_port"
    else
        [ -n "$(postgres_programs)" ] || install_packages postgresql
        own_postgres=$(postgres_programs)
        postgres_port=$(free_port 25432)
        mkdir "$scratch/postgres"
        [ "$(id -u)" != 0 ] || chown postgres "$scratch" "$scratch/postgres"
        as_postgres "$own_postgres/initdb" -D "$scratch/postgres/data" -U postgres --auth=trust --no-sync \
            --encoding=UTF8 --locale=C.UTF-8 >"$scratch/initdb.log"
        as_postgres "$own_postgres/pg_ctl" -D "$scratch/postgres/data" -l "$scratch/postgres/log" -w -s start -o \
            "-p $postgres_port -k $scratch/postgres -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
        echo "PostgreSQL started on 127.0.0.1:$postgres_port"
    fi
    sql "CREATE DATABASE $database"
    lent_database=$database
}

redis_do() {
    .venv/bin/python - "$redis_port" "$@" <<'PYTHON'
import sys

import redis

port, verb, *arguments = sys.argv[1:]
if verb == "ping":
    redis.Redis(port=int(port)).ping()
elif verb == "empty":
    indexes = range(15, 0, -1)
    print(next(index for index in indexes if not redis.Redis(port=int(port), db=index).dbsize()))
elif verb == "flush":
    redis.Redis(port=int(port), db=int(arguments[0])).flushdb()
PYTHON
}

start_redis() {
    if answers "$redis_port" && redis_index=$(redis_do empty 2>/dev/null); then
        echo "Redis responds on 127.0.0.1:$redis_port; using its empty database $redis_index"
        lent_redis=$redis_index
        return
    fi
    command -v redis-server >/dev/null || install_packages redis-server
    redis_index=0
    redis_port=$(free_port 26379)
    redis-server --port "$redis_port" --bind 127.0.0.1 --save "" --appendonly no --dir "$scratch" \
        </dev/null >"$scratch/redis.log" 2>&1 &
    own_redis=$!
    local tries=0
    until redis_do ping 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 20 ] || { cat "$scratch/redis.log" >&2; return 1; }
        sleep 0.2
    done
    echo "Redis started on 127.0.0.1:$redis_port"
}

stop_services() {
    [ -z "$lent_database" ] || [ -n "$own_postgres" ] || drop_databases
    [ -z "$own_postgres" ] || as_postgres "$own_postgres/pg_ctl" -D "$scratch/postgres/data" -s -m immediate stop
    [ -z "$lent_redis" ] || redis_do flush "$lent_redis"
    [ -z "$own_redis" ] || kill "$own_redis"
}
