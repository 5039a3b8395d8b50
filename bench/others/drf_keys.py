"""djangorestframework-api-key behind gunicorn: drf_keys.py documented|tuned PORT FILE

`documented`: `HasAPIKey` on a view of REST framework, Django's usual middleware, gunicorn's default worker. `tuned`: no
middleware, no sessions, no content negotiation, one threaded worker that keeps connections open.
"""
import os
import sys

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

mode, port, file = sys.argv[1:]
usual = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
settings.configure(
    SECRET_KEY="only-for-this-benchmark",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "rest_framework", "rest_framework_api_key"],
    MIDDLEWARE=usual if mode == "documented" else [],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(os.path.dirname(file), f"drf-{mode}.sqlite3"), "CONN_MAX_AGE": None}},
    REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": [], "UNAUTHENTICATED_USER": None},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from rest_framework_api_key.models import APIKey  # noqa: E402
from rest_framework_api_key.permissions import HasAPIKey  # noqa: E402


class Ping(APIView):
    permission_classes = [HasAPIKey]

    def get(self, request):
        return Response({"ok": True})


permission = HasAPIKey()


def ping(request):
    return HttpResponse("ok\n") if permission.has_permission(request, None) else HttpResponse("no\n", status=401)


urlpatterns = [path("ping", Ping.as_view() if mode == "documented" else ping)]

call_command("migrate", verbosity=0)
_, key = APIKey.objects.create_key(name="bench")
with open(file, "w") as out:
    out.write(key)

from gunicorn.app.base import BaseApplication  # noqa: E402


class Server(BaseApplication):
    def load_config(self):
        self.cfg.set("bind", f"127.0.0.1:{port}")
        self.cfg.set("loglevel", "warning")
        if mode == "tuned":
            self.cfg.set("worker_class", "gthread")
            self.cfg.set("threads", 4)

    def load(self):
        return get_wsgi_application()


sys.argv = sys.argv[:1]
Server().run()
