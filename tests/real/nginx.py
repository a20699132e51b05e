"""Real nginx as the reverse proxy before a gateway: healthy, or set up as people get it wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real.foreign import HOST, Certified, closed_port
from tests.real.needs import need
from tests.real.programs import running

INSTALL = "apt-get install nginx-light"

PASSES = """
location / {{
    proxy_pass https://{upstream};
    proxy_ssl_trusted_certificate {upstream_ca};
    proxy_ssl_name localhost;
    proxy_ssl_verify on;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
    {more}
}}
"""
FORGETS_UPGRADE = """
location / {{
    proxy_pass https://{upstream};
    {more}
}}
"""
BLOCK_PAGE = (
    "<html><head><title>Access denied</title></head><body><h1>This site has been blocked by your "
    "organisation's web policy</h1><p>Category: Telephony. Ask the service desk.</p></body></html>"
)
_CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type text/html;
    map $http_upgrade $connection_upgrade {{ default upgrade; "" close; }}
    server {{
        listen {host}:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        {locations}
    }}
}}
"""


def answers(status: int, page: str = "") -> str:
    """Return a configuration that answers everything so."""
    text = page.replace("'", "\\'").replace("{", "").replace("}", "")
    return f"location / {{ return {status} '{text}'; }}"


def passes_to(upstream: str, upstream_ca: str, how: str = PASSES, more: str = "") -> str:
    """Return a configuration that passes everything on to `upstream`, a `host:port` with TLS."""
    return how.format(upstream=upstream, upstream_ca=upstream_ca, more=more)


@contextmanager
def running_nginx(folder: Path, locations: str, certified: Certified) -> Iterator[int]:
    """Serve TLS on 127.0.0.1 with this inside nginx's `server` block; yield the port."""
    program = need("nginx", install=INSTALL)
    port = closed_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            folder=folder,
            host=HOST,
            port=port,
            certificate=certified.certificate_file,
            key=certified.key_file,
            locations=locations,
        )
    )
    command: list[str | Path] = [program, "-p", folder, "-c", configuration, "-e", "stderr"]
    with running(command, address=(HOST, port), log=folder / "nginx.log"):
        yield port
