"""django-oauth-toolkit as its tutorial sets it up, in one file.

Runs in the peers' own environment. BENCH_DATABASE is a file of SQLite or a URL of PostgreSQL;
BENCH_HASHED says whether the client's secret is stored as a hash, which is the default.
"""

import os
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse


def _database(url: str) -> dict[str, object]:
    if not url.startswith("postgresql:"):
        pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
        options = {"transaction_mode": "IMMEDIATE", "init_command": pragmas}
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": url, "OPTIONS": options}
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": parts.username,
        "HOST": parts.hostname,
        "PORT": parts.port,
    }


settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "bench"],
    DATABASES={"default": {"CONN_MAX_AGE": None, **_database(os.environ["BENCH_DATABASE"])}},
    DEBUG=False,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
    OAUTH2_PROVIDER={"SCOPES": {os.environ["BENCH_SCOPE"]: "Read"}},
    ROOT_URLCONF="django_app",
    SECRET_KEY="of a server that lives a minute",
    USE_TZ=True,
)
django.setup()

from django.urls import include, path  # noqa: E402 - Django must be set up first
from oauth2_provider.models import Application  # noqa: E402 - as above


def healthz(_request: HttpRequest) -> HttpResponse:
    """Say that the application is up."""
    return HttpResponse("ok")


urlpatterns = [
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("healthz", healthz),
]

call_command("migrate", verbosity=0)
Application.objects.create(
    client_id=os.environ["BENCH_CLIENT_ID"],
    client_secret=os.environ["BENCH_CLIENT_SECRET"],
    client_type=Application.CLIENT_CONFIDENTIAL,
    authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
    hash_client_secret=os.environ["BENCH_HASHED"] == "1",
    name="bench",
)
app = get_wsgi_application()
