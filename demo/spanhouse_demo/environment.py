"""The environment that a service runs in: everything its stock OpenTelemetry instrumentation is told."""

import os
from collections.abc import Collection, Mapping
from importlib.metadata import PackageNotFoundError, version

from spanhouse_demo.options import DemoOptions
from spanhouse_demo.plan import JOURNEYS_VARIABLE, RATE_VARIABLE, SEED_VARIABLE
from spanhouse_demo.rundir import FOLDER_VARIABLE, RunFolder
from spanhouse_demo.topology import Service

# What the user's shell may say about tracing or proxies is not meant for the shop and would make calls uncountable.
_NOT_INHERITED = ("OTEL_", "SHOP_")


def service_environment(
    service: Service, folder: RunFolder, options: DemoOptions, *, instrumentations: Collection[str]
) -> dict[str, str]:
    """The whole environment of `service`, with those of the installed `instrumentations` off that it does not list."""
    environment = {name: value for name, value in os.environ.items() if _is_inherited(name)}
    environment.update(_telemetry(service, options))
    surplus = sorted(set(instrumentations) - set(service.instrumentations))
    environment["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"] = ",".join(surplus)
    environment[FOLDER_VARIABLE] = os.fspath(folder.path)
    environment.update(_journeys(options))
    environment["TMPDIR"] = os.fspath(folder.scratch)
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


def _telemetry(service: Service, options: DemoOptions) -> Mapping[str, str]:
    endpoint = options.otlp_grpc_url if service.protocol == "grpc" else options.otlp_http_url
    # Only a value that is set: the Python exporters do not agree on one that means no compression.
    compression = {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"} if service.gzip else {}
    return compression | {
        "OTEL_SERVICE_NAME": service.name,
        "OTEL_RESOURCE_ATTRIBUTES": ",".join(
            ("service.namespace=shop", f"service.version={_version()}", "deployment.environment.name=demo")
        ),
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_METRIC_EXPORT_INTERVAL": "5000",  # milliseconds; a minute would be long for a look at the shop
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_PROTOCOL": service.protocol,
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2",  # seconds; stopping must not wait longer for an endpoint that is gone
        "OTEL_BSP_SCHEDULE_DELAY": "500",  # milliseconds, so that a trace is there soon after it was made
        "OTEL_PROPAGATORS": "tracecontext,baggage",
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database",
        # Named, because another distribution in the same environment must not take its place.
        "OTEL_PYTHON_DISTRO": "distro",
        "OTEL_PYTHON_CONFIGURATOR": "configurator",
    }


def _journeys(options: DemoOptions) -> dict[str, str]:
    environment = {RATE_VARIABLE: str(options.rate), SEED_VARIABLE: str(options.seed)}
    if options.journeys is not None:
        environment[JOURNEYS_VARIABLE] = str(options.journeys)
    return environment


def _is_inherited(name: str) -> bool:
    return not name.startswith(_NOT_INHERITED) and not name.lower().endswith("_proxy")


def _version() -> str:
    try:
        return version("spanhouse")
    except PackageNotFoundError:
        return "0.0.0"
