"""Envoy's counters, by deployment."""

from teal.gateway.traffic import TrafficObserved, build_observed


def test_nothing_observed_is_nothing() -> None:
    assert build_observed([]) == {}


def test_totals_are_sorted_out_by_deployment_and_shadow() -> None:
    counters = {
        "cluster.orders/green.upstream_rq_total": 100,
        "cluster.orders/green.upstream_rq_active_overflow": 3,
        "cluster.orders/green.upstream_rq_pending_overflow": 4,
        "cluster.orders/green.upstream_rq_per_try_timeout": 5,
        "cluster.orders/green/shadow.upstream_rq_total": 20,
        "cluster.orders/green/shadow.upstream_rq_active_overflow": 1,
        "cluster.orders/green/shadow.upstream_rq_per_try_timeout": 9,
        "vhost.orders.route.mirror-skipped-green.upstream_rq_total": 6,
        "cluster.orders/green.something_else": 7,
    }
    seen = build_observed([{"name": name, "value": value} for name, value in counters.items()])
    assert seen["orders", "green"] == TrafficObserved(
        requests_total=100,
        refused_total=7,
        timeouts_total=5,
        mirrored_total=20,
        mirror_dropped_total=1,
        mirror_skipped_total=6,
    )
