"""All settings. Those that differ between machines come from the environment: docs/settings.md lists them."""

import os
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from core import databases
from core.configuration.environment import Environment
from core.server.start import secret
from ecommerce import looks

env = Environment()
BASE_DIR = Path(__file__).resolve().parent.parent

# -- The shop ---------------------------------------------------------------------------------------------------
DEBUG = env.flag("DEBUG", False)
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
STORE_CURRENCY = env.currency("STORE_CURRENCY", "USD")  # ISO 4217
STORE_NAME = env.text("STORE_NAME", "Three Tongues Shop")
STORE_TIME_ZONE = env.time_zone("STORE_TIME_ZONE", "UTC")  # where its days begin, for staff; the APIs always use UTC
DEMO_MODE = env.flag("DEMO_MODE", False)  # Server-Timing, and tasks on the front page that write
DEMO_SIGN_IN = env.flag("DEMO_SIGN_IN", False)  # in demo mode: the front page signs in without a password

# -- Databases --------------------------------------------------------------------------------------------------
LOCK_TIMEOUT_S = env.whole("LOCK_TIMEOUT_S", 10)
STATEMENT_TIMEOUT_S = env.whole("STATEMENT_TIMEOUT_S", 30)
MIGRATE_LOCK_TIMEOUT_S = env.whole("MIGRATE_LOCK_TIMEOUT_S", 2)  # the clients of the table wait behind `migrate`
# Longest wait for PostgreSQL. Longer than STATEMENT_TIMEOUT_S, so that PostgreSQL ends a statement first; 0: no limit
DATABASE_TIMEOUT_S = env.number("DATABASE_TIMEOUT_S", STATEMENT_TIMEOUT_S and STATEMENT_TIMEOUT_S + 1)
SQLITE_SYNCHRONOUS = env.text(
    "SQLITE_SYNCHRONOUS", "NORMAL", choices=("OFF", "NORMAL", "FULL", "EXTRA")
)  # FULL survives a power cut, with an fsync per commit
configured = partial(
    databases.configured,
    lock_timeout_s=LOCK_TIMEOUT_S,
    statement_timeout_s=STATEMENT_TIMEOUT_S,
    sqlite_synchronous=SQLITE_SYNCHRONOUS,
)
direct_database = env.postgresql("DATABASE_DIRECT_URL")  # PostgreSQL itself, if DATABASE_URL leads to PgBouncer
DIRECT_DATABASE = configured(direct_database) if direct_database else None
DATABASES = {
    "default": configured(
        env.database("DATABASE_URL", f"sqlite:///{BASE_DIR / 'db.sqlite3'}"), is_pooled=direct_database is not None
    )
}
# Replicas for reads of anonymous clients; each is an alias of Django. A test finds the default database behind it.
REPLICA_MAX_LAG_S = env.number("REPLICA_MAX_LAG_S", 5)
REPLICAS = {
    f"replica{number}": {**configured(url), "IS_REPLICA": True, "TEST": {"MIRROR": "default"}}
    for number, url in enumerate(env.databases("REPLICA_URLS"), 1)
}
DATABASES |= REPLICAS
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"  # gRPC messages have ids as int32
# The admin's search would show the results of five minutes ago. No other part of the shop uses Django's cache.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
REDIS_URL = env.url("REDIS_URL", ("redis", "rediss", "unix"))
REDIS_PREFIX = env.text("REDIS_PREFIX", "shop:")  # prefix of every key, for shops that share a Redis

# -- Secrets ----------------------------------------------------------------------------------------------------
# Not read by `env`, which removes spaces at both ends.
SECRET_KEY = os.environ.get("SECRET_KEY") or secret.kept_key(secret.folder(DATABASES["default"], BASE_DIR))

# -- Applications -----------------------------------------------------------------------------------------------
# Each app may import the apps before it. The rest of the project finds the modules of the apps by this list.
SHOP_APPS = ["accounts", "catalog", "orders", "reports", "webhooks"]
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "rest_framework",
    "corsheaders",  # its checks of the settings; core.server.other_origins sends the headers
    "django_filters",
    "graphene_django",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "core",
    "django_grpc_framework",  # after core, so that its grpcrunserver is used
    *SHOP_APPS,
    "samples",
    "ecommerce",
]
MIDDLEWARE = [
    "core.server.security_headers.SecurityHeaders",
    "core.server.logs.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "core.server.static_files.StaticFilesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "core.server.health.HostCheck",  # Django's CommonMiddleware
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
CSRF_FAILURE_VIEW = "ecommerce.fallbacks.csrf_failure"
ROOT_URLCONF = "ecommerce.urls"
WSGI_APPLICATION = "ecommerce.wsgi.application"
ASGI_APPLICATION = "ecommerce.asgi.application"
APPEND_SLASH = True  # for /admin; paths of the API have no trailing slash
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "ecommerce" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
USE_THOUSAND_SEPARATOR = True

# -- Web server -------------------------------------------------------------------------------------------------
# Per process; each keeps one database connection.
WEB_THREADS = env.whole("WEB_THREADS", databases.threads_for(DATABASES["default"]))
# From request to response, including the wait for a thread. Then the client gets 503, but the thread continues
ANSWER_TIMEOUT_S = env.number("ANSWER_TIMEOUT_S", 32, least=0.01)
WEB_QUEUE = env.whole("WEB_QUEUE", 1_000)  # requests that wait for a thread; one more gets 503
HEAD_TIMEOUT_S = env.number(
    "HEAD_TIMEOUT_S", 10, least=0.01
)  # for a request line and headers to arrive, and for the first byte
# Between two requests of a connection. Longer than a proxy keeps it (nginx and most load balancers 60 s): else the
# proxy sends a request on a connection that the server is closing.
KEEP_ALIVE_S = env.number("KEEP_ALIVE_S", 75)
MAX_BODY_BYTES = env.whole("MAX_BODY_BYTES", 5 * 1024 * 1024, least=1)
BODY_TIMEOUT_S = env.whole("BODY_TIMEOUT_S", 60, least=1)  # for a whole body to arrive
SEND_TIMEOUT_S = env.whole("SEND_TIMEOUT_S", 30, least=1)  # for a client to receive one part of a streamed response
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000
REFUSAL_WRITER = "ecommerce.refusals.refusal_of"  # for requests that no view answers
STATIC_URL = "/static/"
STATIC_ROOT = env.text("STATIC_ROOT", "") or str(BASE_DIR / "staticfiles")  # `serve` and `quickstart` collect there
DOCS_ROOT = env.text("DOCS_ROOT", "") or str(BASE_DIR / "site")  # where the documentation is built
# The images of products. Each database needs a folder of its own: `prune` deletes the files that it does not name.
MEDIA_ROOT = env.text("MEDIA_ROOT", "") or str(secret.folder(DATABASES["default"], BASE_DIR) / "media")
MEDIA_URL = env.prefix("MEDIA_URL", "/media/")  # how their URLs begin in the APIs; the server itself serves /media/
MEDIA_STORAGE = env.backend("MEDIA_STORAGE", "django.core.files.storage.FileSystemStorage")
MEDIA_STORAGE_OPTIONS = env.options("MEDIA_STORAGE_OPTIONS")
STORAGES = {
    "default": {"BACKEND": MEDIA_STORAGE, "OPTIONS": MEDIA_STORAGE_OPTIONS},
    "staticfiles": {"BACKEND": "core.server.static_files.StaticFiles"},
}
WHITENOISE_USE_FINDERS = True  # served from the packages if they are not collected
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_AUTOREFRESH = DEBUG

# -- Security ---------------------------------------------------------------------------------------------------
HTTPS = env.flag("HTTPS", False)
SECURE_REDIRECT_EXEMPT = [r"^health/"]  # probes speak plain HTTP
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("TRUST_PROXY", False) else None
FORWARDED_ALLOW_IPS = env.proxies("FORWARDED_ALLOW_IPS")  # proxies trusted to name a client's address; uvicorn's syntax
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS", patterns=True)
X_FRAME_OPTIONS = "DENY"
OTP_TOTP_ISSUER = STORE_NAME  # as authenticator apps show it
CORS_ALLOWED_ORIGINS = env.origins("CORS_ALLOWED_ORIGINS", patterns=False)  # whose pages may call all APIs
CORS_ALLOW_HEADERS = ["*", "authorization"]  # also gRPC metadata of any name; `*` does not include Authorization
CORS_EXPOSE_HEADERS = ["*"]

# -- Users and tokens -------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.whole("ACCESS_TOKEN_MINUTES", 15, least=1)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.whole("REFRESH_TOKEN_DAYS", 14, least=1)),
    "SIGNING_KEY": SECRET_KEY,
    "UPDATE_LAST_LOGIN": False,
}

# -- Budgets: requests a minute, one per caller over all protocols ----------------------------------------------
RATE_LIMITS = env.flag("RATE_LIMITS", True)
RATE_ANONYMOUS_PER_MINUTE = env.whole("RATE_ANONYMOUS_PER_MINUTE", 600)
RATE_USER_PER_MINUTE = env.whole("RATE_USER_PER_MINUTE", 3_000)
RATE_SIGN_IN_PER_MINUTE = env.whole("RATE_SIGN_IN_PER_MINUTE", 20)  # by address
RATE_SIGN_IN_NAME_PER_MINUTE = env.whole("RATE_SIGN_IN_NAME_PER_MINUTE", 100)  # by name, from all addresses
STREAMS_PER_CALLER = env.whole("STREAMS_PER_CALLER", 1_000)  # open at a time in one process

# -- Streams of the HTTP origin ---------------------------------------------------------------------------------
STREAM_THREADS = env.whole(
    "STREAM_THREADS", 2, least=1
)  # per process, for the queries of streams; each keeps a connection
STREAM_HEARTBEAT_S = env.number("STREAM_HEARTBEAT_S", 10, least=0.01)  # send a heartbeat after this much silence
STREAM_STALL_S = env.number(
    "STREAM_STALL_S", 10, least=0.01
)  # for a client to receive a part of a stream; then it is disconnected
STREAM_QUEUE = env.whole("STREAM_QUEUE", 5_000)  # queries of streams that wait for a thread; one more gets 503

# -- Log of requests --------------------------------------------------------------------------------------------
REQUEST_LOG_DAYS = env.number("REQUEST_LOG_DAYS", 0)  # how long requests are kept in the database; 0: they are not

# -- Change feed, idempotency keys ------------------------------------------------------------------------------
FEED_DAYS = env.number("FEED_DAYS", 7, most=36_500)  # how long `manage.py prune` keeps events; older cursors expire
IDEMPOTENCY_DAYS = env.number(
    "IDEMPOTENCY_DAYS", 7, most=36_500
)  # how long it keeps keys; a key sent later counts as new

# -- Webhooks ---------------------------------------------------------------------------------------------------
WEBHOOK_ALLOW_HTTP = env.flag("WEBHOOK_ALLOW_HTTP", False)
WEBHOOK_PRIVATE_NETWORKS = env.networks("WEBHOOK_PRIVATE_NETWORKS")  # private networks that may get webhooks
WEBHOOK_CA_FILE = env.file("WEBHOOK_CA_FILE")  # PEM, used instead of the public authorities
WEBHOOK_THREADS = env.whole(
    "WEBHOOK_THREADS", 32, least=1
)  # of `manage.py deliverwebhooks`: the number of concurrent attempts
WEBHOOK_TIMEOUT_S = env.number("WEBHOOK_TIMEOUT_S", 10, least=0.01)  # for a whole attempt
WEBHOOK_PAUSES_S = env.numbers(  # before each retry of a delivery; after the last retry the delivery has failed
    "WEBHOOK_PAUSES_S", [5, 30, 120, 600, 3_600, 3 * 3_600, 6 * 3_600, 12 * 3_600, 24 * 3_600]
)
WEBHOOK_OFF_DAYS = env.number(
    "WEBHOOK_OFF_DAYS", 5, most=36_500
)  # an endpoint without a success for so long is switched off
WEBHOOK_DAYS = env.number("WEBHOOK_DAYS", 30, most=36_500)  # how long deliveries are kept

# -- REST -------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    "DEFAULT_PARSER_CLASSES": ["core.protocols.rest.parsers.StrictJSONParser", "core.protocols.rest.parsers.XMLParser"],
    "DEFAULT_RENDERER_CLASSES": [
        "core.protocols.rest.renderers.JSONRenderer",
        "core.protocols.rest.renderers.XMLRenderer",
    ],
    "DEFAULT_METADATA_CLASS": "core.protocols.rest.metadata.Metadata",
    "DEFAULT_SCHEMA_CLASS": "core.openapi.documents.OperationSchema",
    "DEFAULT_FILTER_BACKENDS": [],
    "EXCEPTION_HANDLER": "core.protocols.rest.errors.exception_response",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": f"{STORE_NAME} REST API",
    "DESCRIPTION": "Users, products and orders over REST. The shop also has a GraphQL API and gRPC services.",
    "VERSION": "1.0.0",
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    "SERVERS": [{"url": "/", "description": "The server of this document"}],
    "TAGS": [
        {"name": "auth", "description": "Sign-in. Send the access token as `Authorization: Bearer <token>`."},
        {"name": "users", "description": "Customers and staff."},
        {"name": "products", "description": "Products, and the stream of their changes."},
        {"name": "orders", "description": "Orders, and the steps of their status."},
    ],
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v\d+",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": ["core.openapi.documents.keep_versioned"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "core.openapi.documents.finish",
    ],
    "ENUM_NAME_OVERRIDES": {"OrderStatus": "orders.models.Order.Status"},
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "defaultModelsExpandDepth": 0,
        "displayRequestDuration": True,
        "persistAuthorization": True,
        "validatorUrl": None,
    },
}

V1_DEPRECATED_ON = env.day("V1_DEPRECATED_ON")
V1_SUNSET_ON = env.day("V1_SUNSET_ON")
CACHE_PUBLIC_S = env.whole("CACHE_PUBLIC_S", 0)  # how long a shared cache may keep public responses

# -- GraphQL ----------------------------------------------------------------------------------------------------
GRAPHENE = {"SCHEMA": "ecommerce.schema.schema", "SCHEMA_OUTPUT": "schema.graphql"}  # of `manage.py graphql_schema`

# -- gRPC -------------------------------------------------------------------------------------------------------
GRPC_FRAMEWORK = {"ROOT_HANDLERS_HOOK": "ecommerce.urls.grpc_handlers"}
GRPC_MAX_MESSAGE_BYTES = env.whole("GRPC_MAX_MESSAGE_BYTES", 4 * 1024 * 1024, least=1)
GRPC_MAX_METADATA_BYTES = env.whole("GRPC_MAX_METADATA_BYTES", 16 * 1024, least=1)
GRPC_CALLS_PER_CONNECTION = env.whole(
    "GRPC_CALLS_PER_CONNECTION", 1_000, least=1
)  # in flight; further calls wait in the client
GRPC_STALL_S = env.whole("GRPC_STALL_S", 10, least=1)  # for a client to receive one message of a stream
# Shortest interval of an idle client's keep-alive pings. Go and Java send them at least 10 s apart; 5 s are for jitter.
GRPC_PING_INTERVAL_S = env.number("GRPC_PING_INTERVAL_S", 5)
GRPC_REFLECTION = env.text(
    "GRPC_REFLECTION", "staff", choices=("staff", "open")
)  # or "open": callers that may list the services and messages
GRPC_HEALTH_ADDRESS = env.address("GRPC_HEALTH_ADDRESS")  # of a gRPC server that /health/ready checks too

# Where traces go, over HTTP. OpenTelemetry's packages read this variable and their other ones themselves.
OTEL_EXPORTER_OTLP_ENDPOINT = env.collector("OTEL_EXPORTER_OTLP_ENDPOINT")
METRICS_ADDRESS = env.address("METRICS_ADDRESS")  # where a command serves its metrics to Prometheus

# -- Logs: one JSON object a line, on stderr --------------------------------------------------------------------
LOG_LEVEL = env.text("LOG_LEVEL", "INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
env.check()  # every setting is read above this line
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request_id": {"()": "core.server.logs.RequestIdFilter"},
        "refused_request": {"()": "core.server.logs.RefusedRequestFilter"},
    },
    "formatters": {
        "json": {
            "()": "core.server.logs.LineFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s %(request_id)s",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
        }
    },
    "handlers": {"stderr": {"class": "core.server.logs.LineHandler", "formatter": "json", "filters": ["request_id"]}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django.request": {"level": "ERROR"},  # the log line of a request has 4xx anyway
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "uvicorn.error": {"filters": ["refused_request"]},
        "django.server": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
    },
}

# -- Admin ------------------------------------------------------------------------------------------------------
FORM_RENDERER = "core.admin.rendering.PlainInputs"
UNFOLD = looks.unfold(STORE_NAME)
