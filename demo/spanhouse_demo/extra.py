"""The `demo` extra: what the services import, and whether it is installed."""

from importlib.metadata import entry_points
from importlib.util import find_spec

from spanhouse_demo.topology import SERVICES

INSTALL_COMMAND = "pip install 'spanhouse[demo]', or in a checkout pip install '.[demo]'"
_MODULES = ("celery", "fastapi", "flask", "grpc", "httpx2", "requests", "starlette", "uvicorn")
_EXPORTERS = (
    "opentelemetry.distro",
    "opentelemetry.exporter.otlp.proto.grpc",
    "opentelemetry.exporter.otlp.proto.http",
)


def installed_instrumentations() -> set[str]:
    """Names of every OpenTelemetry instrumentation in this environment, as `OTEL_PYTHON_DISABLED_INSTRUMENTATIONS` has
    them."""
    return {entry_point.name for entry_point in entry_points(group="opentelemetry_instrumentor")}


def missing_parts() -> list[str]:
    """Modules and instrumentations of the `demo` extra that are not installed, sorted; empty when it is complete."""
    modules = {name for name in _MODULES + _EXPORTERS if not _is_importable(name)}
    wanted = {name for service in SERVICES for name in service.instrumentations}
    return sorted(modules | {f"instrumentation of {name}" for name in wanted - installed_instrumentations()})


def _is_importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a parent package is absent
        return False
