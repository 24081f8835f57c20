"""An ``ssh`` ProxyCommand: connects standard input and output to a host through an HTTP or SOCKS5 proxy.

Run as a script, standard library only: ``tunnel.py FILE HOST PORT``, where FILE holds the proxy's URL, whose
credentials must not appear in a process list.
"""

import base64
import os
import selectors
import socket
import ssl
import sys
from urllib.parse import SplitResult, unquote, urlsplit

__all__ = ["connect", "main"]


def connect(proxy: str, host: str, port: int) -> socket.socket:
    """A connection to ``host`` through ``proxy`` (http, https or socks5). Raises OSError."""
    parts = urlsplit(proxy)
    default = {"http": 80, "https": 443, "socks5": 1080}[parts.scheme]
    connection = socket.create_connection((parts.hostname or "", parts.port or default))
    if parts.scheme == "socks5":
        _socks5(connection, parts, host, port)
        return connection
    if parts.scheme == "https":
        connection = ssl.create_default_context().wrap_socket(connection, server_hostname=parts.hostname)
    _http_connect(connection, parts, host, port)
    return connection


def _http_connect(connection: socket.socket, proxy: SplitResult, host: str, port: int) -> None:
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.username:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}")
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += _exactly(connection, 1)
        if len(answer) > 65536:
            raise OSError("the proxy's answer is too long")
    if answer.split(b" ", 2)[1:2] != [b"200"]:
        raise OSError(f"the proxy refuses: {answer.splitlines()[0].decode('latin-1')}")


def _socks5(connection: socket.socket, proxy: SplitResult, host: str, port: int) -> None:
    connection.sendall(b"\x05\x02\x00\x02" if proxy.username else b"\x05\x01\x00")
    method = _exactly(connection, 2)[1]
    if method == 2:
        user, password = unquote(proxy.username or "").encode(), unquote(proxy.password or "").encode()
        connection.sendall(b"\x01" + bytes([len(user)]) + user + bytes([len(password)]) + password)
        if _exactly(connection, 2)[1]:
            raise OSError("the SOCKS5 proxy refuses the credentials")
    elif method:
        raise OSError("the SOCKS5 proxy asks for an unknown authentication")
    name = host.encode("idna")
    connection.sendall(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port.to_bytes(2, "big"))
    answer = _exactly(connection, 4)
    if answer[1]:
        raise OSError(f"the SOCKS5 proxy refuses with code {answer[1]}")
    _exactly(connection, {1: 4, 4: 16}.get(answer[3]) or _exactly(connection, 1)[0])
    _exactly(connection, 2)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            raise OSError("the proxy closed the connection")
        data += chunk
    return data


def _relay(connection: socket.socket) -> None:
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    selector.register(connection, selectors.EVENT_READ)
    while True:
        pending = isinstance(connection, ssl.SSLSocket) and connection.pending() > 0
        ready = {key.fileobj for key, _ in selector.select(0 if pending else None)}
        if connection in ready or pending:
            data = connection.recv(65536)
            if not data:
                return
            while data:
                data = data[os.write(1, data) :]
        if 0 in ready:
            data = os.read(0, 65536)
            if not data:
                selector.unregister(0)
                connection.shutdown(socket.SHUT_WR)
            else:
                connection.sendall(data)


def main(arguments: list[str]) -> int:
    try:
        with open(arguments[0], encoding="utf-8") as file:
            proxy = file.read().strip()
        _relay(connect(proxy, arguments[1], int(arguments[2])))
    except OSError as problem:
        sys.stderr.write(f"proxy: {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
