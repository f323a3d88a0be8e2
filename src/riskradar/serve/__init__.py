"""The server: stored runs as pages and as an API, on loopback unless a token is given."""

from riskradar.serve.app import create_app
from riskradar.serve.start import start

__all__ = ["create_app", "start"]
