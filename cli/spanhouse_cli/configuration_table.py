"""docs/configuration.md, made from the options: `python -m spanhouse_cli.configuration_table docs/configuration.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from spanhouse_cli.options import OPTIONS, Option

_INTRODUCTION = """\
<!-- Made by `python -m spanhouse_cli.configuration_table docs/configuration.md` from the options in the code. -->
# Configuration

Every option has one name and can be given in three places. From weak to strong:

1. the default;
2. a YAML file, named by `--config FILE` or `SPANHOUSE_CONFIG` (without either, none is read): `query_timeout: 30s`;
3. an environment variable: `SPANHOUSE_QUERY_TIMEOUT=30s`; an empty one counts as not set;
4. a flag of the command: `--query-timeout 30s`. A command has the flags of the options that it uses.

`spanhouse config` prints the effective value of every option and where it comes from. An option that does not exist, in
the file, among the environment variables that begin with `SPANHOUSE_` or as a flag, and a value that is not allowed end
the command with exit code 2 and say where it stands and what is allowed. Only the variables that Kubernetes sets for
services with names like `spanhouse-query` (`SPANHOUSE_QUERY_SERVICE_HOST`, `SPANHOUSE_PORT=tcp://...`) are passed over.

Sizes are written `512MiB` (binary: KiB, MiB, GiB, TiB), `1GB` (decimal: kB, MB, GB, TB) or as a number of bytes; times
`500ms`, `1.5s`, `1m30s`, `30d`; switches `true` or `false`, and as flags `--self-tracing` or `--no-self-tracing`.

```yaml
data_dir: /var/lib/spanhouse
http: 0.0.0.0:8080
query_timeout: 30s
log_format: json
```
"""

_CLOSING = """\
## Addresses other than loopback

By default nothing outside the machine reaches Spanhouse. To listen on every interface is your choice, made with
`0.0.0.0:PORT` or `[::]:PORT`. Spanhouse then warns in its log at every start of each address that asks nobody who they
are, or that speaks in the clear. TLS, API keys and Unix sockets are explained in [receiving.md](receiving.md).

## Where a running Spanhouse is found

When `spanhouse up` or `spanhouse collector` is ready it writes its process id, its version and its addresses, with the
real ports where port 0 was asked for, to `spanhouse.json` in the data folder. `spanhouse status` and `spanhouse demo`
read them there; the file goes away with the process.

## Spanhouse's own traces

With `self_tracing`, every request to the query API makes a span, probes and metrics excepted, and so does the loading
of a segment, or a step of the service map's rollup, that takes more than five seconds or fails (one
span as long as it goes on failing). A process that receives sends these spans to itself under the tenant `_spanhouse`,
so they appear in no map of yours:

    curl -H 'X-Scope-OrgID: _spanhouse' http://127.0.0.1:8080/api/v1/services

The variables of the OpenTelemetry SDK (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`,
`OTEL_TRACES_SAMPLER` and others) are honoured; with an endpoint, the spans go there instead. `spanhouse query`, which
receives nothing itself, traces itself only with an endpoint.

## Spanhouse's own metrics

What is on `/metrics` is also kept as OTLP metrics (cumulative), once in every `self_metrics_interval`: a process that
receives stores them under the tenant `_spanhouse`, where queries find them with `X-Scope-OrgID: _spanhouse`. Where
`self_metrics_endpoint` is set they go there instead, over OTLP/HTTP with gzip, and when the process ends too. The
headers in `OTEL_EXPORTER_OTLP_METRICS_HEADERS` or `OTEL_EXPORTER_OTLP_HEADERS` go with it, and the authorities in
`OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE` or `OTEL_EXPORTER_OTLP_CERTIFICATE` are trusted. An endpoint that does not take
them is told of once in the log. All of them stand in [metrics.md](metrics.md).
"""


def document() -> str:
    """The whole of docs/configuration.md."""
    sections = [_section(group, list(options)) for group, options in groupby(OPTIONS.values(), lambda each: each.group)]
    return "\n".join([_INTRODUCTION, *sections, _CLOSING])


def _section(group: str, options: list[Option]) -> str:
    rows = "\n".join(f"| {' | '.join(_cells(option))} |" for option in options)
    return f"## {group}\n\n| option | flag, variable | default | meaning | allowed |\n|---|---|---|---|---|\n{rows}\n"


def _cells(option: Option) -> Iterator[str]:
    yield f"`{option.name}`"
    yield f"{_flag(option)}<br>`{option.env}`"
    yield f"`{option.default}`" if option.default else "none"
    yield _escaped(option.meaning)
    yield _escaped(option.kind.allowed)


def _flag(option: Option) -> str:
    if option.flag is None:
        return "no flag"
    return f"`{option.flag}`, `{option.flag_for('false')}`" if option.is_switch else f"`{option.flag}`"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document(), "utf-8")
