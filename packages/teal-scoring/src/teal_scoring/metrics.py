"""Requests in hand, and what became of those that run() did not answer, as Prometheus text. For http.py's /metrics."""

import os
from typing import Any

from .admission import Scoring
from .capture import Capture


def format_counts(scoring: Scoring[Any], capture: Capture | None) -> str:
    """One sample a reason; each worker process counts for itself."""
    worker = os.getpid()
    lines = [
        "# HELP teal_scoring_requests_in_hand Requests that run or wait.",
        "# TYPE teal_scoring_requests_in_hand gauge",
        f'teal_scoring_requests_in_hand{{worker="{worker}"}} {scoring.unsettled}',
        "# HELP teal_scoring_requests_dropped_total Requests that run() did not answer.",
        "# TYPE teal_scoring_requests_dropped_total counter",
    ]
    for reason in ("queue_full", "deadline_passed", "client_gone", "timed_out"):
        count = getattr(scoring.counts, reason)
        lines.append(f'teal_scoring_requests_dropped_total{{reason="{reason}",worker="{worker}"}} {count}')
    if capture is not None:
        lines += [
            "# HELP teal_scoring_capture_records_total Records of requests and answers, by what became of them.",
            "# TYPE teal_scoring_capture_records_total counter",
            f'teal_scoring_capture_records_total{{outcome="written",worker="{worker}"}} {capture.written}',
            f'teal_scoring_capture_records_total{{outcome="dropped",worker="{worker}"}} {capture.dropped}',
        ]
    return "\n".join(lines) + "\n"
