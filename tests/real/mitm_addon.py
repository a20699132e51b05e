"""Loaded by mitmproxy: how CONNECT is answered; what is not on this machine is not reached."""

import logging

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

_log = logging.getLogger(__name__)

HERE = ("127.0.0.1", "localhost", "::1")
BLOCK_PAGE = (
    b"<html><head><title>Blocked</title></head><body><h1>Your organisation's policy blocks this "
    b"site</h1><p>Category: Streaming media</p></body></html>"
)
ANSWERS = {
    "403": http.Response.make(403, BLOCK_PAGE, {"Content-Type": "text/html"}),
    "407": http.Response.make(
        407, b"", ((b"Proxy-Authenticate", b"Negotiate"), (b"Proxy-Authenticate", b"NTLM"))
    ),
}


class Company:
    """What a company's proxy does that mitmproxy does not by itself."""

    def load(self, loader: Loader) -> None:
        """Add the option that says how CONNECT is answered."""
        loader.add_option("connect_answer", str, "", "403 or 407, or empty to connect")

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Refuse, where that is asked for."""
        answer = ANSWERS.get(ctx.options.connect_answer)
        if answer is not None:
            flow.response = answer.copy()

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Keep connections on this machine."""
        if data.server.address is not None and data.server.address[0] not in HERE:
            _log.warning("kept here: %s", data.server.address[0])
            data.server.error = "tests stay on this machine"


addons = [Company()]
