"""Teal: online endpoints with safe rollout, self-hosted."""

__version__ = "0.1.0"
