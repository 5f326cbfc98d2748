"""The cluster's files come from deploy/, and their programs accept them."""

import configparser
import json
import shutil
import subprocess

import pytest

from deploy.cluster import configs
from deploy.cluster.layout import GRPC, METRICS, WEB


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(configs, "FOLDER", tmp_path)
    monkeypatch.setattr(configs, "postgres_programs", lambda: tmp_path)
    configs.write_all()
    return tmp_path


def test_nginx_accepts_its_file_which_names_every_node(folder, requires_nginx, requires_openssl):
    text = (folder / "nginx.conf").read_text()

    subprocess.run(["nginx", "-t", "-c", folder / "nginx.conf"], check=True, capture_output=True, timeout=60)
    assert [port for port in (*WEB.values(), *GRPC.values()) if f"server 127.0.0.1:{port} max_fails" not in text] == []


def test_pgbouncer_has_the_pool_of_deploy_and_the_address_of_the_cluster(folder, requires_openssl):
    ours, theirs = configparser.ConfigParser(), configparser.ConfigParser()
    ours.read(folder / "pgbouncer.ini")
    theirs.read(configs.ROOT / "deploy/pgbouncer/pgbouncer.ini")

    pool = ("pool_mode", "default_pool_size", "max_client_conn", "server_idle_timeout")
    assert [ours["pgbouncer"][name] for name in pool] == [theirs["pgbouncer"][name] for name in pool]
    assert (ours["pgbouncer"]["listen_addr"], "port=21500" in ours["databases"]["shop"]) == ("127.0.0.1", True)


def test_prometheus_scrapes_every_server_and_has_the_alerts_of_deploy(folder, requires_promtool, requires_openssl):
    config = folder / "prometheus.yml"

    subprocess.run(["promtool", "check", "config", config], check=True, capture_output=True, timeout=60)
    targets = [group["targets"] for group in json.loads(config.read_text())["scrape_configs"][0]["static_configs"]]
    assert targets == [[f"127.0.0.1:{METRICS[name]}"] for name in (*WEB, *GRPC)]


def test_a_change_of_deploy_that_the_cluster_does_not_follow_is_refused(folder, monkeypatch, tmp_path):
    shutil.copytree(configs.ROOT / "deploy/pgbouncer", tmp_path / "other/deploy/pgbouncer")
    (tmp_path / "other/deploy/nginx.conf").write_text("events {}")
    monkeypatch.setattr(configs, "ROOT", tmp_path / "other")

    with pytest.raises(ValueError, match=r"has .pid /tmp/nginx\.pid. 0 times"):
        configs.write_all()
