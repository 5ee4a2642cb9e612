from teal.gateway.traffic import GatewayObserved, TrafficObserved, build_observed


def cluster(name: str, **active: int) -> dict[str, object]:
    hosts = [
        {"hostname": instance_id, "stats": [{"name": "cx_active", "value": "9"}, {"name": "rq_active", "value": value}]}
        for instance_id, value in active.items()
    ]
    return {"name": name, "host_statuses": hosts}


def test_nothing_observed_is_nothing() -> None:
    assert build_observed([], []) == GatewayObserved(deployments={})


def test_in_flight_is_counted_per_instance_and_copies_count() -> None:
    seen = build_observed(
        [
            cluster("orders/green", a=1, b=2),
            cluster("orders/green/shadow", b=3),
            cluster("teal-control-plane", x=1),
            {"name": "orders/blue"},
            {"name": "orders/red", "host_statuses": [{"hostname": "quiet", "stats": [{"name": "rq_active"}]}]},
        ],
        [],
    )
    assert {owner: traffic.in_flight for owner, traffic in seen.deployments.items()} == {
        ("orders", "green"): {"a": 1, "b": 5},
        ("orders", "blue"): {},
        ("orders", "red"): {"quiet": 0},
    }


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
    seen = build_observed([], [{"name": name, "value": value} for name, value in counters.items()])
    assert seen.deployments["orders", "green"] == TrafficObserved(
        requests_total=100,
        refused_total=7,
        timeouts_total=5,
        mirrored_total=20,
        mirror_dropped_total=1,
        mirror_skipped_total=6,
    )
