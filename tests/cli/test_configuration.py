"""Values from everywhere, their precedence, their origins, and what is said of those that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from spanhouse_cli.configuration import Configuration, ConfigurationError, load
from spanhouse_cli.options import OPTIONS


def file(folder: Path, text: str) -> Path:
    path = folder / "spanhouse.yaml"
    path.write_text(text)
    return path


def problems(
    flags: dict[str, str | None] | None = None, config: Path | None = None, environment: dict[str, str] | None = None
) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(flags or {}, config, environment or {})
    return str(caught.value).splitlines()


def told(configuration: Configuration, name: str) -> tuple[str, str]:
    return configuration.shown(name), configuration.origins[name].place


def test_without_anything_every_option_has_its_default() -> None:
    configuration = load({}, None, {})
    assert {origin.place for origin in configuration.origins.values()} == {"default"}
    assert told(configuration, "otlp_grpc") == ("127.0.0.1:4317", "default")


def test_every_option_has_one_origin() -> None:
    assert list(load({}, None, {}).origins) == list(OPTIONS)


def test_the_file_is_over_the_default_the_environment_over_the_file_and_a_flag_over_all(tmp_path: Path) -> None:
    config = file(tmp_path, "query_timeout: 1s\nquery_rows: 1\nquery_threads: 3\n")
    environment = {"SPANHOUSE_QUERY_TIMEOUT": "2s", "SPANHOUSE_QUERY_ROWS": "2"}
    configuration = load({"query_timeout": "3s", "query_rows": None}, config, environment)
    assert [
        told(configuration, name) for name in ("query_timeout", "query_rows", "query_threads", "query_clients")
    ] == [
        ("3s", "--query-timeout"),
        ("2", "SPANHOUSE_QUERY_ROWS"),
        ("3", f"{config}:3"),
        ("4", "default"),
    ]


def test_the_file_is_named_by_the_environment_unless_a_flag_names_one(tmp_path: Path) -> None:
    named = file(tmp_path, "query_rows: 1")
    other = tmp_path / "other.yaml"
    other.write_text("query_rows: 2")
    environment = {"SPANHOUSE_CONFIG": str(named)}
    assert load({}, None, environment).settings.query_rows == 1
    assert load({}, other, environment).settings.query_rows == 2


def test_an_empty_variable_counts_as_not_set() -> None:
    assert told(load({}, None, {"SPANHOUSE_HTTP": ""}), "http") == ("127.0.0.1:8080", "default")


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert load({}, file(tmp_path, "# nothing yet\n"), {}).settings.query_rows == 0


@pytest.mark.parametrize("text", ["yes", "on", "True", "1", '"true"'])
def test_yaml_values_are_read_as_they_are_written(tmp_path: Path, text: str) -> None:
    assert load({}, file(tmp_path, f"store_verify: {text}"), {}).settings.store_verify is True


def test_a_password_that_looks_like_a_number_is_text(tmp_path: Path) -> None:
    settings = load({}, file(tmp_path, "store_password: 0123"), {}).settings
    assert settings.store_password.get_secret_value() == "0123"


def test_a_secret_is_shown_nowhere() -> None:
    configuration = load({}, None, {"SPANHOUSE_STORE_PASSWORD": "hunter2"})
    assert told(configuration, "store_password") == ("********", "SPANHOUSE_STORE_PASSWORD")
    assert "hunter2" not in repr(configuration)


def test_the_data_folder_is_where_the_user_keeps_data(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load({}, None, {}).settings.data_dir == home / ".local/share/spanhouse"
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/data")
    assert load({}, None, {}).settings.data_dir == Path("/srv/data/spanhouse")
    monkeypatch.setenv("XDG_DATA_HOME", "relative/is/invalid")
    assert load({}, None, {}).settings.data_dir == home / ".local/share/spanhouse"


def test_paths_know_the_home_folder_and_become_absolute(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load({"data_dir": "~/spans"}, None, {}).settings.data_dir == home / "spans"
    assert load({"data_dir": "spans"}, None, {}).settings.data_dir == tmp_path / "spans"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("otlp_grpc", "4317", "HOST:PORT, such as"),
        ("otlp_http", "localhost:http", "HOST:PORT, such as"),
        ("http", "1.2.3.4:99999", "HOST:PORT, such as"),
        ("data_dir", " ", "the path of a folder"),
        ("store", "embeded", "embedded, or http[s]://HOST[:PORT]"),
        ("store", "tcp://clickhouse:9000", "embedded, or http[s]://HOST[:PORT]"),
        ("store", "http://user:secret@clickhouse:8123", "embedded, or http[s]://HOST[:PORT]"),
        ("store", "http://clickhouse:8123/db", "embedded, or http[s]://HOST[:PORT]"),
        ("store", "http://clickhouse:99999", "embedded, or http[s]://HOST[:PORT]"),
        ("store_ca_cert", "/nowhere/ca.pem", "the path of a file that this user can read"),
        ("store_password_file", "/nowhere/password", "the path of a file that this user can read"),
        ("store_verify", "maybe", "true or false"),
        ("engine_memory", "1MiB", "a size from 256MiB to 1TiB"),
        ("max_body", "ten", "a size from 1KiB to 1GiB"),
        ("segment_age", "1", "a time from 10ms to 1m with its unit"),
        ("segment_age", "2m", "a time from 10ms to 1m with its unit"),
        ("query_threads", "0", "a whole number from 1 to 256"),
        ("query_rows", "-1", "a whole number from 0 upwards"),
        ("query_rows", "many", "a whole number from 0 upwards"),
        ("query_rows", "1_000", "a whole number from 0 upwards"),
        ("query_rows", "+5", "a whole number from 0 upwards"),
        ("query_rows", "\u0665", "a whole number from 0 upwards"),  # 5 in Arabic digits
        ("log_level", "loud", "debug, info, warning or error"),
        ("log_format", "xml", "text or json"),
    ],
)
def test_a_value_that_is_not_allowed_is_told_with_its_name_and_what_is(name: str, value: str, allowed: str) -> None:
    (problem,) = problems(environment={OPTIONS[name].env: value})
    assert problem.startswith(f"{OPTIONS[name].env}: {name} cannot be {value!r}; allowed is {allowed}")


def test_a_problem_says_where_the_value_stands(tmp_path: Path) -> None:
    config = file(tmp_path, "log_level: info\nlog_format: xml\n")
    assert problems({"log_level": "loud"}, config)[0].startswith("--log-level: log_level cannot be 'loud'")
    assert problems({}, config)[0].startswith(f"{config}:2: log_format cannot be 'xml'")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    config = file(tmp_path, "query_rows: many\nno_such_option: 1\n")
    environment = {"SPANHOUSE_HTTP": "x", "SPANHOUSE_NONSENSE": "1"}
    assert len(problems({"log_level": "loud"}, config, environment)) == 5


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("otlp_gprc: 127.0.0.1:1", 1, "there is no option 'otlp_gprc'; did you mean otlp_grpc?"),
        ("\n\ndata-dir: /tmp", 3, "there is no option 'data-dir'; did you mean data_dir?"),
        ("zzz: 1", 1, "there is no option 'zzz'"),
        ("log_file: /tmp/log", 1, "there is no option 'log_file'"),
        ("query_rows: [1, 2]", 1, "query_rows must be one value; allowed is a whole number from 0 upwards"),
        ("sampling:\n  rate: 1", 1, "there is no option 'sampling'"),
        ("query_rows: 1\nquery_rows: 2", 2, "query_rows is given already at {path}:1"),
        ("- query_rows", 1, "the file must be one mapping, `name: value`"),
        ("query_rows: 1\n  query_threads: 2", 2, "not YAML: mapping values are not allowed here"),
        ("query_rows: 'open", 1, "not YAML: found unexpected end of stream"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    config = file(tmp_path, text)
    assert problems({}, config) == [f"{config}:{line}: {message.format(path=config)}"]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"
    assert problems({}, missing) == [f"{missing}: the configuration file cannot be read: No such file or directory"]
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    assert problems({}, binary) == [f"{binary}: the configuration file cannot be read: it is not UTF-8 text"]


def test_an_unknown_variable_is_told_with_the_one_that_was_meant() -> None:
    assert problems(environment={"SPANHOUSE_DATADIR": "/x"}) == [
        "SPANHOUSE_DATADIR: there is no such variable; did you mean SPANHOUSE_DATA_DIR?"
    ]


def test_an_unknown_variable_that_is_like_no_other_is_told_alone() -> None:
    assert problems(environment={"SPANHOUSE_SIZE": "1"}) == ["SPANHOUSE_SIZE: there is no such variable"]


def test_variables_that_kubernetes_sets_for_services_are_no_options() -> None:
    environment = {
        "SPANHOUSE_PORT": "tcp://10.0.0.1:8080",
        "SPANHOUSE_SERVICE_HOST": "10.0.0.1",
        "SPANHOUSE_SERVICE_PORT_OTLP_GRPC": "4317",
        "SPANHOUSE_QUERY_SERVICE_PORT": "8080",
        "SPANHOUSE_QUERY_PORT_8080_TCP_ADDR": "10.0.0.1",
        "SPANHOUSE_QUERY_PORT_8080_TCP": "tcp://10.0.0.1:8080",
    }
    assert load({}, None, environment).settings == load({}, None, {}).settings


def test_a_password_is_given_once(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")
    environment = {"SPANHOUSE_STORE_PASSWORD": "hunter3", "SPANHOUSE_STORE_PASSWORD_FILE": str(secret)}
    assert problems(environment=environment) == [
        "SPANHOUSE_STORE_PASSWORD_FILE: store_password_file: store_password is given too (SPANHOUSE_STORE_PASSWORD)"
    ]


def test_a_tier_is_kept_at_least_as_long_as_the_finer_one(tmp_path: Path) -> None:
    written = file(tmp_path, "retention_hours: 2d")

    assert problems({"retention_minutes": "3d"}, written) == [
        "--retention-minutes: retention_spans is 7d, and retention_minutes must be at least as long: it is 3d",
        "--retention-minutes: retention_minutes is 3d, and retention_hours must be at least as long: it is 2d",
    ]


def test_days_may_be_kept_for_ever() -> None:
    assert load({}, None, {}).settings.retention_days is None
    assert load({"retention_days": "500d"}, None, {}).settings.retention_days == 500 * 86_400
    (told_days,) = problems({"retention_days": "for a while"})
    assert told_days.endswith("such as 36h or 30d, or forever")
    (told_spans,) = problems({"retention_spans": "forever"})
    assert "a time from 1d to 30d" in told_spans
