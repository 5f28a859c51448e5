"""Labels that a resource gives to its series."""

from __future__ import annotations

from collections.abc import Mapping


def target_labels(resource: Mapping[str, str]) -> dict[str, str]:
    """`job` and `instance` of a resource, as far as it says."""
    name, namespace = resource.get("service.name", ""), resource.get("service.namespace", "")
    job = f"{namespace}/{name}" if name and namespace else name
    labels = {"job": job, "instance": resource.get("service.instance.id", "")}
    return {label: value for label, value in labels.items() if value}
