"""All settings. What differs between machines comes from the environment, read here and listed in the README."""

import os
from datetime import date, timedelta
from pathlib import Path

import environ
from django.urls import reverse_lazy

from ecommerce import databases, secret

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent

# -- Where and what ---------------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
STORE_CURRENCY = env.str("STORE_CURRENCY", "USD")  # ISO 4217
STORE_NAME = env.str("STORE_NAME", "Three Tongues Shop")

# -- Databases --------------------------------------------------------------------------------------------------
LOCK_TIMEOUT_S = env.int("LOCK_TIMEOUT_S", 10)
STATEMENT_TIMEOUT_S = env.int("STATEMENT_TIMEOUT_S", 30)
SQLITE_SYNCHRONOUS = env.str("SQLITE_SYNCHRONOUS", "NORMAL")  # FULL survives a power cut, at the price of an fsync
DATABASES = {
    "default": databases.configured(
        env.db("DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'db.sqlite3'}"),
        lock_timeout_s=LOCK_TIMEOUT_S,
        statement_timeout_s=STATEMENT_TIMEOUT_S,
        sqlite_synchronous=SQLITE_SYNCHRONOUS,
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"  # ids are int32 on the wire of gRPC
REDIS_URL = env.str("REDIS_URL", "")
REDIS_PREFIX = env.str("REDIS_PREFIX", "shop:")  # before every key, for shops that share a Redis

# -- Secrets ----------------------------------------------------------------------------------------------------
# Not by `env`, which takes a value that begins with $ for the name of another variable; one key in fifty does.
SECRET_KEY = os.environ.get("SECRET_KEY") or secret.kept_key(secret.folder(DATABASES["default"], BASE_DIR))

# -- Applications -----------------------------------------------------------------------------------------------
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
    "rest_framework",
    "django_filters",
    "graphene_django",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "ecommerce",
    "django_grpc_framework",  # after ecommerce, whose grpcrunserver takes the place of its own
    "accounts",
    "catalog",
    "orders",
    "webhooks",
]
MIDDLEWARE = [
    "ecommerce.logs.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
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
WEB_THREADS = env.int("WEB_THREADS", 4)  # per process; each keeps one database connection
WEB_QUEUE = env.int("WEB_QUEUE", 1_000)  # requests that wait for a thread; one more is told 503
MAX_BODY_BYTES = env.int("MAX_BODY_BYTES", 5 * 1024 * 1024)
BODY_TIMEOUT_S = env.int("BODY_TIMEOUT_S", 60)  # for a whole body to arrive
SEND_TIMEOUT_S = env.int("SEND_TIMEOUT_S", 30)  # for a client to take one piece of a streamed answer
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000
STATIC_URL = "/static/"
STATIC_ROOT = env.str("STATIC_ROOT", "") or None  # where collectstatic writes, for a web server that serves them
WHITENOISE_USE_FINDERS = True  # served from the packages: no collectstatic before the first request
WHITENOISE_AUTOREFRESH = DEBUG

# -- Security ---------------------------------------------------------------------------------------------------
HTTPS = env.bool("HTTPS", False)
SECURE_REDIRECT_EXEMPT = [r"^health/"]  # probes speak plain HTTP
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("TRUST_PROXY", False) else None
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
X_FRAME_OPTIONS = "DENY"

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
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.int("ACCESS_TOKEN_MINUTES", 15)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.int("REFRESH_TOKEN_DAYS", 14)),
    "SIGNING_KEY": SECRET_KEY,
    "UPDATE_LAST_LOGIN": False,
}

# -- Budgets: requests a minute, one per caller over all protocols ----------------------------------------------
RATE_LIMITS = env.str("RATE_LIMITS", "on").lower() not in ("off", "0", "false", "no")
RATE_ANONYMOUS_PER_MINUTE = env.int("RATE_ANONYMOUS_PER_MINUTE", 600)
RATE_USER_PER_MINUTE = env.int("RATE_USER_PER_MINUTE", 3_000)
RATE_SIGN_IN_PER_MINUTE = env.int("RATE_SIGN_IN_PER_MINUTE", 20)
STREAMS_PER_CALLER = env.int("STREAMS_PER_CALLER", 1_000)  # open at a time in one process

# -- Streams of the HTTP origin ---------------------------------------------------------------------------------
STREAM_THREADS = env.int("STREAM_THREADS", 2)  # per process, for what streams ask the database; each keeps a connection
STREAM_HEARTBEAT_S = env.float("STREAM_HEARTBEAT_S", 10)  # after which one who was told nothing hears that we are there
STREAM_STALL_S = env.float("STREAM_STALL_S", 10)  # for a client to take one piece of a stream; then it is cut off
STREAM_QUEUE = env.int("STREAM_QUEUE", 5_000)  # questions that wait for one; a stream that asks one more is told 503

# -- Change feed ------------------------------------------------------------------------------------------------
FEED_DAYS = env.float("FEED_DAYS", 7)  # how long `manage.py prunefeed` keeps events, and so cursors

# -- Webhooks ---------------------------------------------------------------------------------------------------
WEBHOOK_ALLOW_HTTP = env.bool("WEBHOOK_ALLOW_HTTP", False)
WEBHOOK_PRIVATE_NETWORKS = env.list("WEBHOOK_PRIVATE_NETWORKS", default=[])  # that may be sent to after all
WEBHOOK_CA_FILE = env.str("WEBHOOK_CA_FILE", "")  # PEM, in place of the public authorities
WEBHOOK_THREADS = env.int("WEBHOOK_THREADS", 32)  # of `manage.py deliverwebhooks`: as many tries at a time
WEBHOOK_TIMEOUT_S = env.float("WEBHOOK_TIMEOUT_S", 10)  # for all of a try
WEBHOOK_PAUSES_S = env.list(  # before a delivery is tried again; after the last it is given up
    "WEBHOOK_PAUSES_S", cast=float, default=[5, 30, 120, 600, 3_600, 3 * 3_600, 6 * 3_600, 12 * 3_600, 24 * 3_600]
)
WEBHOOK_OFF_DAYS = env.float("WEBHOOK_OFF_DAYS", 5)  # without a success, then an endpoint is switched off
WEBHOOK_DAYS = env.float("WEBHOOK_DAYS", 30)  # how long deliveries are kept

# -- REST -------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    "DEFAULT_PARSER_CLASSES": ["ecommerce.rest.parsers.StrictJSONParser", "ecommerce.rest.parsers.XMLParser"],
    "DEFAULT_RENDERER_CLASSES": ["ecommerce.rest.renderers.JSONRenderer", "ecommerce.rest.renderers.XMLRenderer"],
    "DEFAULT_SCHEMA_CLASS": "ecommerce.rest.openapi.Schema",
    "DEFAULT_FILTER_BACKENDS": [],
    "EXCEPTION_HANDLER": "ecommerce.rest.errors.answer",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": f"{STORE_NAME} REST API",
    "DESCRIPTION": "Users, products and orders over REST. The same shop speaks GraphQL and gRPC.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v\d+",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": ["ecommerce.rest.openapi.keep_versioned"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "ecommerce.rest.openapi.finish",
    ],
    "ENUM_NAME_OVERRIDES": {"OrderStatus": "orders.models.Order.Status"},
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": True, "displayRequestDuration": True},
}

V1_DEPRECATED_ON = date.fromisoformat(day) if (day := env.str("V1_DEPRECATED_ON", "")) else None
V1_SUNSET_ON = date.fromisoformat(day) if (day := env.str("V1_SUNSET_ON", "")) else None
CACHE_PUBLIC_S = env.int("CACHE_PUBLIC_S", 0)  # how long a shared cache in front may keep what is the same for all

# -- GraphQL ----------------------------------------------------------------------------------------------------
GRAPHENE = {"SCHEMA": "ecommerce.schema.schema", "SCHEMA_OUTPUT": "schema.graphql"}  # of `manage.py graphql_schema`

# -- gRPC -------------------------------------------------------------------------------------------------------
GRPC_FRAMEWORK = {"ROOT_HANDLERS_HOOK": "ecommerce.urls.grpc_handlers"}
GRPC_MAX_MESSAGE_BYTES = env.int("GRPC_MAX_MESSAGE_BYTES", 4 * 1024 * 1024)
GRPC_MAX_METADATA_BYTES = env.int("GRPC_MAX_METADATA_BYTES", 16 * 1024)
GRPC_CALLS_PER_CONNECTION = env.int("GRPC_CALLS_PER_CONNECTION", 1_000)  # at a time; more wait in the client
GRPC_STALL_S = env.int("GRPC_STALL_S", 10)  # for a client to take one message of a stream
GRPC_HEALTH_ADDRESS = env.str("GRPC_HEALTH_ADDRESS", "")  # of a server that /health/ready asks too

# -- Logs: one JSON object a line, on stderr --------------------------------------------------------------------
LOG_LEVEL = env.str("LOG_LEVEL", "INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request_id": {"()": "ecommerce.logs.RequestIdFilter"},
        "refused_handshake": {"()": "ecommerce.logs.RefusedHandshakeFilter"},
    },
    "formatters": {
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s %(request_id)s",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["request_id"]}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django.request": {"level": "ERROR"},  # 4xx are in the line a request gets anyway
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "uvicorn.error": {"filters": ["refused_handshake"]},
        "django.server": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
    },
}

# -- Admin ------------------------------------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": STORE_NAME,
    "SITE_HEADER": STORE_NAME,
    "SITE_SYMBOL": "storefront",
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "LOGIN": {"form": "ecommerce.admin.sign_in.SignInForm"},
    "DASHBOARD_CALLBACK": "orders.admin.dashboard.fill_dashboard",
    "STYLES": [f"{STATIC_URL}shop/admin.css"],
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": f"{STATIC_URL}shop/favicon.svg"}],
    "SIDEBAR": {
        "navigation": [
            {
                "title": "Shop",
                "items": [
                    {"title": "Dashboard", "icon": "dashboard", "link": reverse_lazy("admin:index")},
                    {
                        "title": "Orders",
                        "icon": "receipt_long",
                        "link": reverse_lazy("admin:orders_order_changelist"),
                    },
                    {
                        "title": "Products",
                        "icon": "inventory_2",
                        "link": reverse_lazy("admin:catalog_product_changelist"),
                    },
                    {"title": "Users", "icon": "group", "link": reverse_lazy("admin:accounts_user_changelist")},
                ],
            },
            {
                "title": "Webhooks",
                "separator": True,
                "items": [
                    {
                        "title": "Endpoints",
                        "icon": "webhook",
                        "link": reverse_lazy("admin:webhooks_endpoint_changelist"),
                    },
                    {
                        "title": "Deliveries",
                        "icon": "outbox",
                        "link": reverse_lazy("admin:webhooks_delivery_changelist"),
                    },
                ],
            },
            {
                "title": "For developers",
                "separator": True,
                "items": [
                    {"title": "REST API", "icon": "api", "link": "/api/docs"},
                    {"title": "GraphQL", "icon": "hub", "link": "/graphql"},
                ],
            },
        ],
    },
}
