"""What `startproject` writes, with a database and the app. PEERS_API names the module with the contestant's API."""

import os
from urllib.parse import urlsplit

HERE = "benchmarks.peers.tutorial"
SECRET_KEY = "signs-nothing-that-counts-0123456789-0123456789"  # noqa: S105  # of a measurement
ALLOWED_HOSTS = ["*"]
USE_TZ = True
TIME_ZONE = "UTC"
ROOT_URLCONF = os.environ.get("PEERS_API", f"{HERE}.drf")
FRAMEWORKS = {"drf": "rest_framework", "graphene_api": "graphene_django", "strawberry_api": "strawberry_django"}
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    f"{HERE}.shop",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REST_FRAMEWORK = {"DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination", "PAGE_SIZE": 20}
GRAPHENE = {"SCHEMA": f"{HERE}.graphene_api.schema"}
WSGI_APPLICATION = f"{HERE}.wsgi.application"

url = urlsplit(os.environ["PEERS_DATABASE"])
if url.scheme == "sqlite":
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": url.path}}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.path[1:],
            "USER": url.username,
            "PASSWORD": url.password,
            "HOST": url.hostname,
            "PORT": url.port or 5432,
            "CONN_MAX_AGE": None,  # Django's default is a new connection for each request: three times slower
        }
    }
api = ROOT_URLCONF.rpartition(".")[2]
if api in FRAMEWORKS and "PEERS_API" in os.environ:
    INSTALLED_APPS.append(FRAMEWORKS[api])
if api == "bolt_api":  # as django-bolt's deployment guide has it for PostgreSQL
    INSTALLED_APPS.append("django_bolt")
    BOLT_API = [f"{ROOT_URLCONF}:api"]
    DATABASES["default"] |= {"CONN_MAX_AGE": 0, "OPTIONS": {"pool": {"min_size": 2, "max_size": 10}}}
