"""Measurements. They report figures and assert nothing."""
