"""FastAPI with an API key looked up by its SHA-256: fastapi_keys.py documented|tuned PORT FILE

`documented`: a dependency with `APIKeyHeader` and a row of SQLite. `tuned`: keys in a dict, checked in a bare Starlette
endpoint, no validation of answers.
"""
import hashlib
import hmac
import secrets
import sqlite3
import sys

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import APIKeyHeader
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

mode, port, file = sys.argv[1:]
key = secrets.token_urlsafe(32)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def documented() -> FastAPI:
    database = sqlite3.connect(":memory:", check_same_thread=False)
    database.execute("CREATE TABLE api_key (digest TEXT PRIMARY KEY, owner TEXT NOT NULL)")
    database.execute("INSERT INTO api_key VALUES (?, 'bench')", (digest(key),))
    header = APIKeyHeader(name="X-API-Key")
    app = FastAPI()

    async def owner(shown: str = Depends(header)) -> str:
        row = database.execute("SELECT owner FROM api_key WHERE digest = ?", (digest(shown),)).fetchone()
        if row is None:
            raise HTTPException(401)
        return row[0]

    @app.get("/ping")
    async def ping(owner: str = Depends(owner)) -> dict[str, str]:
        return {"ok": owner}

    return app


def tuned() -> Starlette:
    keys = {digest(key): "bench"}
    ok, no = PlainTextResponse("ok\n"), PlainTextResponse("no\n", 401)

    async def ping(request):
        shown = digest(request.headers.get("x-api-key", ""))
        return ok if shown in keys and hmac.compare_digest(shown, shown) else no

    return Starlette(routes=[Route("/ping", ping)])


app = documented() if mode == "documented" else tuned()
with open(file, "w") as out:
    out.write(key)
uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False, loop="uvloop", http="httptools")
