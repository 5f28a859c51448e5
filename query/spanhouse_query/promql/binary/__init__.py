"""Binary operators: arithmetic, comparison and sets."""

from spanhouse_query.promql.binary.dispatch import evaluate_binary

__all__ = ["evaluate_binary"]
