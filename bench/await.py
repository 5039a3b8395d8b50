"""Waits until the server on a port of this machine answers /healthz: await.py PORT
Or becomes that server, and leaves behind in a file after how many milliseconds it answered: await.py PORT FILE COMMAND…
"""
import os
import socket
import sys
import time


def wait(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as s:
                s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if s.recv(64).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            time.sleep(0.001)
    sys.exit("the server did not answer within a minute")


port = int(sys.argv[1])
begin = time.monotonic()
if len(sys.argv) == 2 or os.fork() == 0:
    wait(port)
    if len(sys.argv) > 2:
        with open(sys.argv[2] + ".new", "w") as out:
            print(round((time.monotonic() - begin) * 1000), file=out)
        os.rename(sys.argv[2] + ".new", sys.argv[2])
else:
    os.execv(sys.argv[3], sys.argv[3:])
