"""Run the site: `python -m examples.relying_site town.toml site-a`."""

from __future__ import annotations

import ssl
import sys
from pathlib import Path

from werkzeug.serving import make_server

from examples.relying_site.settings import SiteSettings, load_settings
from examples.relying_site.site import create_app


def main(settings_file: str, table: str) -> None:
    """Serve the site until the process is ended."""
    settings = load_settings(Path(settings_file).absolute(), table)
    server = make_server(
        settings.host, settings.port, create_app(settings), threaded=True, ssl_context=tls_context(settings)
    )
    server.serve_forever()


def tls_context(settings: SiteSettings) -> ssl.SSLContext | None:
    """Load the certificate and its encrypted key; None for plain http."""
    if settings.tls_certificate is None:
        return None
    passphrase = settings.key_passphrase_file.read_bytes().strip() if settings.key_passphrase_file else None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(settings.tls_certificate, settings.tls_key, passphrase)
    return context


if __name__ == "__main__":
    main(*sys.argv[1:3])
