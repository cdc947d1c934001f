"""How the service is: health, readiness, version, metrics."""
