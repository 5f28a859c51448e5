"""Seeded workloads with known ground truth."""

from benchmarks.workloads.hostile import hostile
from benchmarks.workloads.long_traces import long_traces
from benchmarks.workloads.mesh import mesh
from benchmarks.workloads.shop import shop
from benchmarks.workloads.statements import statements
from benchmarks.workloads.story import Edge, Operation, Story, Truth

WORKLOADS = {"mesh": mesh, "shop": shop, "statements": statements, "long traces": long_traces, "hostile": hostile}

__all__ = ["WORKLOADS", "Edge", "Operation", "Story", "Truth"]
