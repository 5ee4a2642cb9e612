"""The conversation with a gateway, request by request; the gateway is played by hand."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from teal.gateway.batches import MOST_TOGETHER
from teal.gateway.model import EndpointModel, Host, Target
from teal.gateway.publications import InForce, Publications, Tenure
from teal.gateway.resources import EndpointResources, Kind, build_resources
from teal.gateway.session import Session

BLUE = Target("blue", (Host("blue-1", "127.0.0.1", 9001),), max_in_flight=2, request_timeout_ms=5000)
GREEN = Target("green", (Host("green-1", "127.0.0.1", 9002),), max_in_flight=2, request_timeout_ms=5000)
MODEL = EndpointModel("orders", ("key",), (BLUE,), traffic={"blue": 100}, mirror={})
BOTH = replace(MODEL, targets=(BLUE, GREEN))
OTHER = replace(MODEL, name="other")
GONE = InForce(version=None, rejected=None, pending=False)

Said = tuple[str, list[str], list[str]]


class Peer:
    """A gateway: what it was sent, and answers to it."""

    def __init__(self, publications: Publications, node_id: str = "gateway") -> None:
        self.sent: list[DeltaDiscoveryResponse] = []
        self.closed = False
        self.session = Session(node_id, publications, self.sent.append, self._close)
        self._publications = publications
        publications.connect(self.session)

    def say(
        self,
        kind: Kind,
        *,
        ask: Iterable[str] = (),
        drop: Iterable[str] = (),
        has: Mapping[str, str] | None = None,
        nonce: str = "",
        error: str = "",
    ) -> None:
        request = DeltaDiscoveryRequest(
            type_url=kind.value,
            resource_names_subscribe=ask,
            resource_names_unsubscribe=drop,
            initial_resource_versions=has,
            response_nonce=nonce,
        )
        if error:
            request.error_detail.message = error
        self.session.receive(request)

    def accept(self) -> "Said":
        """Acknowledge the oldest response; returns what it said."""
        response = self.sent.pop(0)
        self.say(Kind(response.type_url), nonce=response.nonce)
        return tell(response)

    def reject(self, words: str) -> "Said":
        response = self.sent.pop(0)
        self.say(Kind(response.type_url), nonce=response.nonce, error=words)
        return tell(response)

    def waiting(self) -> "list[Said]":
        return [tell(response) for response in self.sent]

    def start(self) -> None:
        """As a new Envoy does: nothing held, nothing asked for by name."""
        self.say(Kind.CLUSTERS)
        assert self.accept() == ("CLUSTERS", [], [])
        self.say(Kind.SCOPES)

    def accept_everything(self) -> "list[Said]":
        """Accept and ask as Envoy would, until there is nothing left to say."""
        said = []
        while self.sent:
            response = self.sent[0]
            names = [resource.name for resource in response.resources]
            if response.type_url == Kind.CLUSTERS.value and names:
                self.say(Kind.HOSTS, ask=names)
            if response.type_url == Kind.SCOPES.value and names:
                self.say(Kind.ROUTES, ask=names)
            said.append(self.accept())
        return said

    def leave(self) -> None:
        self._publications.disconnect(self.session)

    def _close(self) -> None:
        self.closed = True


def tell(response: DeltaDiscoveryResponse) -> "Said":
    return (
        Kind(response.type_url).name,
        [resource.name for resource in response.resources],
        list(response.removed_resources),
    )


def versions_of(model: EndpointModel, kind: Kind) -> dict[str, str]:
    return {name: resource.version for name, resource in build_resources(model).of(kind).items()}


@pytest.fixture
def publications() -> Publications:
    publications = Publications(lambda _: None)
    publications.set_complete()
    return publications


def publish(publications: Publications, *models: EndpointModel) -> None:
    for model in models:
        publications.publish(build_resources(model))


@pytest.fixture
def peer(publications: Publications) -> Peer:
    """A gateway that has `MODEL` in force."""
    publish(publications, MODEL)
    peer = Peer(publications)
    peer.start()
    peer.accept_everything()
    assert publications.in_force("orders").version == MODEL.version
    return peer


def test_a_starting_gateway_is_answered_at_once_and_given_everything_in_order(publications: Publications) -> None:
    publish(publications, MODEL)
    peer = Peer(publications)
    peer.say(Kind.CLUSTERS)
    assert peer.accept() == ("CLUSTERS", [], [])
    assert peer.waiting() == [("CLUSTERS", ["orders/blue"], [])]
    peer.say(Kind.HOSTS, ask=["orders/blue"])
    assert peer.waiting()[1:] == [("HOSTS", ["orders/blue"], [])], "Envoy accepts clusters only once it has their hosts"
    peer.say(Kind.SCOPES)
    peer.accept()
    assert len(peer.sent) == 1
    peer.accept()
    assert peer.accept() == ("SCOPES", ["orders"], [])
    assert peer.waiting() == []
    peer.say(Kind.ROUTES, ask=["orders"])
    assert publications.in_force("orders").pending
    assert peer.accept() == ("ROUTES", ["orders"], [])
    assert (publications.in_force("orders").version, publications.in_force("orders").pending) == (MODEL.version, False)


def test_a_starting_gateway_with_nothing_to_serve_gets_empty_scopes_so_that_it_starts(
    publications: Publications,
) -> None:
    peer = Peer(publications)
    peer.start()
    assert peer.accept_everything() == [("SCOPES", [], [])]


def test_a_starting_gateway_gets_all_scopes_together_and_only_when_everything_was_published() -> None:
    publications = Publications(lambda _: None)
    publish(publications, MODEL)
    peer = Peer(publications)
    peer.start()
    assert [kind for kind, *_ in peer.accept_everything()] == ["CLUSTERS", "HOSTS"]
    publish(publications, OTHER)
    publications.set_complete()
    assert ("SCOPES", ["orders", "other"], []) in peer.accept_everything()
    assert publications.in_force("orders").version == MODEL.version
    assert publications.in_force("other").version == OTHER.version


def test_an_endpoint_withdrawn_while_a_gateway_starts_does_not_hold_it_up(publications: Publications) -> None:
    publish(publications, MODEL, OTHER)
    peer = Peer(publications)
    peer.say(Kind.CLUSTERS)
    peer.say(Kind.SCOPES)
    peer.say(Kind.HOSTS, ask=["orders/blue"])
    while peer.sent:
        peer.accept()
    publications.publish(EndpointResources("other", version=None))
    assert ("SCOPES", ["orders"], []) in peer.accept_everything()
    assert publications.in_force("other") == GONE


def test_rejected_first_scopes_are_sent_again_one_by_one(publications: Publications) -> None:
    publish(publications, MODEL, OTHER)
    peer = Peer(publications)
    peer.start()
    while peer.waiting()[0] != ("SCOPES", ["orders", "other"], []):
        if peer.waiting()[0][0] == "CLUSTERS":
            peer.say(Kind.HOSTS, ask=peer.waiting()[0][1])
        peer.accept()
    peer.reject("one of them")
    assert sorted(peer.waiting()) == [("SCOPES", ["orders"], []), ("SCOPES", ["other"], [])]
    peer.accept_everything()
    assert publications.in_force("orders").version == MODEL.version


def test_many_endpoints_at_once_travel_together(publications: Publications) -> None:
    models = [replace(MODEL, name=f"orders-{number}") for number in range(2 * MOST_TOGETHER)]
    publish(publications, *models)
    peer = Peer(publications)
    peer.start()
    said = peer.accept_everything()
    assert Counter(kind for kind, _, _ in said) == {
        "CLUSTERS": 2, "HOSTS": 2, "SCOPES": 1, "ROUTES": len(models),
    }  # fmt: skip
    assert all(publications.in_force(model.name).version == model.version for model in models)
    publications.set_complete()
    assert peer.waiting() == []


def test_what_was_rejected_together_is_sent_again_one_by_one_and_the_bad_one_is_named() -> None:
    publications = Publications(lambda _: None)
    peer = Peer(publications)
    publish(publications, MODEL, OTHER)
    publications.set_complete()
    peer.start()
    assert peer.waiting() == [("CLUSTERS", ["orders/blue", "other/blue"], [])]
    peer.reject("orders/blue is bad")
    assert peer.waiting() == [("CLUSTERS", ["orders/blue"], []), ("CLUSTERS", ["other/blue"], [])]
    peer.reject("orders/blue is bad")
    peer.accept_everything()
    assert publications.in_force("orders").rejected == "orders/blue is bad"
    assert publications.in_force("other") == InForce(version=OTHER.version, rejected=None, pending=False)


def test_what_was_there_before_a_rejected_change_is_taken_away_when_nobody_wants_it_any_more(
    publications: Publications,
) -> None:
    publish(publications, MODEL)
    peer = Peer(publications)
    peer.say(Kind.CLUSTERS, has={"orders/blue": "of before"})
    peer.say(Kind.HOSTS, ask=["orders/blue"], has={"orders/blue": "of before"})
    peer.say(Kind.SCOPES, has=versions_of(MODEL, Kind.SCOPES))
    peer.say(Kind.ROUTES, ask=["orders"], has=versions_of(MODEL, Kind.ROUTES))
    peer.accept()
    peer.reject("orders/blue is bad")
    peer.accept()
    publish(publications, replace(MODEL, targets=(GREEN,), traffic={"green": 100}))
    assert peer.accept_everything()[-1] == ("CLUSTERS", [], ["orders/blue"])


def test_a_removal_that_was_rejected_with_anothers_change_is_made_after_all(publications: Publications) -> None:
    publish(publications, MODEL)
    peer = Peer(publications)
    peer.say(Kind.SCOPES, has=versions_of(MODEL, Kind.SCOPES))
    peer.say(Kind.CLUSTERS, has={"orders/blue": "of before", "other/blue": "of before"})
    peer.accept()
    assert peer.reject("orders/blue is bad") == ("CLUSTERS", ["orders/blue"], ["other/blue"])
    assert peer.waiting() == [("CLUSTERS", ["orders/blue"], []), ("CLUSTERS", [], ["other/blue"])]
    assert publications.in_force("orders").pending


def test_removals_that_were_rejected_together_are_not_repeated_for_ever(publications: Publications) -> None:
    publish(publications, MODEL, OTHER)
    peer = Peer(publications)
    peer.start()
    peer.accept_everything()
    has = {name: version for model in (MODEL, OTHER) for name, version in versions_of(model, Kind.CLUSTERS).items()}
    other = Publications(lambda _: None)
    other.set_complete()
    back = Peer(other)
    back.say(Kind.CLUSTERS, has=has)
    back.say(Kind.SCOPES, has={"orders": "1", "other": "1"})
    while back.sent:
        back.reject("no")
    assert other.in_force("orders") == GONE


def test_a_change_of_weights_is_one_response(publications: Publications, peer: Peer) -> None:
    publish(publications, replace(MODEL, traffic={}))
    assert peer.accept_everything() == [("ROUTES", ["orders"], [])]


def test_the_same_model_again_says_nothing(publications: Publications, peer: Peer) -> None:
    publish(publications, MODEL)
    assert peer.waiting() == []


def test_a_changed_cluster_is_given_its_hosts_again_changed_or_not(publications: Publications, peer: Peer) -> None:
    publish(publications, replace(MODEL, targets=(replace(BLUE, max_in_flight=9),)))
    assert peer.waiting() == [("CLUSTERS", ["orders/blue"], []), ("HOSTS", ["orders/blue"], [])]


def test_a_deployment_is_there_before_routes_and_gone_after_them(publications: Publications, peer: Peer) -> None:
    publish(publications, replace(MODEL, targets=(GREEN,), traffic={"green": 100}))
    assert peer.accept_everything() == [
        ("CLUSTERS", ["orders/green"], []),
        ("HOSTS", ["orders/green"], []),
        ("ROUTES", ["orders"], []),
        ("CLUSTERS", [], ["orders/blue"]),
    ]


@pytest.mark.parametrize("hosts", [(), (replace(BLUE.hosts[0], draining=True),)])
def test_the_last_host_of_a_deployment_leaves_after_the_routes_that_led_there(
    publications: Publications, peer: Peer, hosts: tuple[Host, ...]
) -> None:
    gone = replace(BLUE, hosts=hosts)
    publish(publications, replace(BOTH, targets=(gone, GREEN), traffic={"green": 100}))
    assert peer.accept_everything()[-2:] == [("ROUTES", ["orders"], []), ("HOSTS", ["orders/blue"], [])]


def test_a_new_cluster_without_hosts_is_given_none_at_once(publications: Publications, peer: Peer) -> None:
    publish(publications, replace(MODEL, targets=(BLUE, replace(GREEN, hosts=()))))
    assert peer.accept_everything()[:2] == [("CLUSTERS", ["orders/green"], []), ("HOSTS", ["orders/green"], [])]


def test_a_withdrawn_endpoint_loses_its_scope_first(publications: Publications, peer: Peer) -> None:
    publications.publish(EndpointResources("orders", version=None))
    assert peer.waiting() == [("SCOPES", [], ["orders"])]
    assert publications.in_force("orders").pending
    peer.accept()
    peer.say(Kind.ROUTES, drop=["orders"])
    assert peer.accept() == ("CLUSTERS", [], ["orders/blue"])
    peer.say(Kind.HOSTS, drop=["orders/blue"])
    assert publications.in_force("orders") == GONE


def test_an_endpoint_that_comes_back_is_delivered_whole(publications: Publications, peer: Peer) -> None:
    publications.publish(EndpointResources("orders", version=None))
    peer.accept_everything()
    publish(publications, MODEL)
    assert [kind for kind, *_ in peer.accept_everything()] == ["CLUSTERS", "HOSTS", "SCOPES", "ROUTES"]


def test_a_change_of_mind_half_way_ends_with_the_last_word(publications: Publications, peer: Peer) -> None:
    publish(publications, BOTH)
    publish(publications, MODEL)
    # The cluster nobody wants any more waits for hosts, and would keep Envoy from answering about any cluster.
    peer.say(Kind.HOSTS, ask=["orders/green"])
    assert peer.waiting() == [("CLUSTERS", ["orders/green"], []), ("HOSTS", ["orders/green"], [])]
    assert not peer.sent[1].resources[0].resource.value.count(b"green-1")
    peer.accept()
    peer.accept()
    assert peer.accept() == ("CLUSTERS", [], ["orders/green"])
    assert publications.in_force("orders").version == MODEL.version


def test_an_endpoint_withdrawn_before_its_clusters_have_hosts_does_not_keep_the_gateway_waiting(
    publications: Publications, peer: Peer
) -> None:
    publish(publications, OTHER)
    publications.publish(EndpointResources("other", version=None))
    # Until it has them, Envoy answers nothing about any cluster, of whichever endpoint.
    peer.say(Kind.HOSTS, ask=["other/blue"])
    assert peer.waiting() == [("CLUSTERS", ["other/blue"], []), ("HOSTS", ["other/blue"], [])]
    assert not peer.sent[1].resources[0].resource.value.count(b"blue-1")
    peer.accept()
    peer.accept()
    assert peer.accept() == ("CLUSTERS", [], ["other/blue"])
    assert publications.in_force("other") == GONE


def test_a_gateway_that_comes_back_is_sent_only_what_is_new_and_its_hosts(publications: Publications) -> None:
    changed = replace(MODEL, traffic={})
    publish(publications, changed)
    peer = Peer(publications)
    peer.say(Kind.CLUSTERS, has=versions_of(MODEL, Kind.CLUSTERS))
    peer.say(Kind.HOSTS, ask=["orders/blue"], has=versions_of(MODEL, Kind.HOSTS))
    peer.say(Kind.SCOPES, has=versions_of(MODEL, Kind.SCOPES))
    peer.say(Kind.ROUTES, ask=["orders"], has=versions_of(MODEL, Kind.ROUTES))
    assert peer.accept() == ("CLUSTERS", [], [])
    assert peer.accept() == ("HOSTS", ["orders/blue"], [])
    assert peer.accept() == ("ROUTES", ["orders"], [])
    assert peer.waiting() == []
    assert publications.in_force("orders").version == changed.version


def test_a_gateway_that_comes_back_still_waiting_for_hosts_is_given_them_first(publications: Publications) -> None:
    publish(publications, MODEL)
    peer = Peer(publications)
    peer.say(Kind.HOSTS, ask=["orders/blue", "gone/blue"])
    assert peer.waiting() == [("HOSTS", ["gone/blue", "orders/blue"], [])]


def test_what_is_unknown_is_removed_only_once_everything_was_published() -> None:
    publications = Publications(lambda _: None)
    peer = Peer(publications)
    peer.say(Kind.CLUSTERS, has=versions_of(MODEL, Kind.CLUSTERS))
    peer.say(Kind.HOSTS, ask=["orders/blue"], has=versions_of(MODEL, Kind.HOSTS))
    peer.say(Kind.SCOPES, has=versions_of(MODEL, Kind.SCOPES))
    peer.say(Kind.ROUTES, ask=["orders"], has=versions_of(MODEL, Kind.ROUTES))
    assert peer.accept_everything() == [("CLUSTERS", [], [])]
    publications.set_complete()
    assert peer.accept_everything() == [("SCOPES", [], ["orders"]), ("CLUSTERS", [], ["orders/blue"])]


def test_a_rejected_change_is_rolled_back_and_reported(publications: Publications, peer: Peer) -> None:
    changed = replace(BOTH, traffic={"green": 100})
    publish(publications, changed)
    peer.say(Kind.HOSTS, ask=["orders/green"])
    peer.accept()
    peer.accept()
    assert peer.reject("bad routes") == ("ROUTES", ["orders"], [])
    assert peer.accept_everything() == [("ROUTES", ["orders"], []), ("CLUSTERS", [], ["orders/green"])]
    seen = publications.in_force("orders")
    assert (seen.version, seen.rejected, seen.pending) == (MODEL.version, "bad routes", False)
    publish(publications, changed)
    assert peer.waiting() == [], "the same again would be rejected again"
    publish(publications, replace(changed, traffic={}))
    assert publications.in_force("orders").rejected is None


def test_a_rejection_of_something_no_longer_wanted_is_no_rejection(publications: Publications, peer: Peer) -> None:
    publish(publications, replace(MODEL, keys=("bad",)))
    publish(publications, replace(MODEL, keys=("good",)))
    peer.reject("bad")
    seen = publications.in_force("orders")
    assert (seen.rejected, seen.pending) == (None, True)
    peer.accept_everything()
    assert publications.in_force("orders").version == replace(MODEL, keys=("good",)).version


def test_a_rejected_roll_back_leaves_the_gateway_alone(publications: Publications, peer: Peer) -> None:
    publish(publications, replace(MODEL, keys=("bad",)))
    peer.reject("bad")
    peer.reject("bad as well")
    assert peer.waiting() == []
    assert publications.in_force("orders").rejected == "bad"


def test_a_rejection_without_a_last_good_state_takes_nothing_away(publications: Publications) -> None:
    publish(publications, replace(MODEL, keys=("bad",)))
    peer = Peer(publications)
    peer.say(Kind.CLUSTERS, has=versions_of(MODEL, Kind.CLUSTERS))
    peer.say(Kind.SCOPES, has=versions_of(MODEL, Kind.SCOPES))
    peer.say(Kind.HOSTS, ask=["orders/blue"], has=versions_of(MODEL, Kind.HOSTS))
    peer.say(Kind.ROUTES, ask=["orders"], has=versions_of(MODEL, Kind.ROUTES))
    peer.accept()
    peer.accept()
    peer.reject("bad")
    assert peer.waiting() == []


def test_a_gateway_that_is_being_replaced_has_no_say(publications: Publications) -> None:
    standings = {"old": Tenure.LEAVES, "older": Tenure.LEFT_ALONE}
    publications = Publications(lambda _: None, judge=lambda node: standings.get(node, Tenure.STAYS))
    publications.set_complete()
    publish(publications, MODEL)
    old, new = Peer(publications, "old"), Peer(publications, "new")
    for peer in (old, new):
        peer.start()
        peer.accept_everything()
    changed = replace(MODEL, traffic={})
    publish(publications, changed)
    assert publications.in_force("orders").pending
    new.accept_everything()
    assert publications.in_force("orders").pending, "it serves, so it is waited for"
    old.reject("what is that?")
    assert publications.in_force("orders") == InForce(version=changed.version, rejected=None, pending=False)
    assert old.closed
    for node in standings:
        Peer(publications, node)
    assert publications.connected == {"new"}


def test_a_rejected_removal_is_not_repeated_for_ever(publications: Publications) -> None:
    peer = Peer(publications)
    peer.say(Kind.CLUSTERS, has=versions_of(MODEL, Kind.CLUSTERS))
    peer.say(Kind.SCOPES, has=versions_of(MODEL, Kind.SCOPES))
    peer.accept()
    assert peer.reject("no") == ("SCOPES", [], ["orders"])
    assert peer.accept() == ("CLUSTERS", [], ["orders/blue"])
    assert peer.waiting() == []


def test_in_force_means_every_connected_gateway(publications: Publications, peer: Peer) -> None:
    second = Peer(publications, "second")
    assert publications.in_force("orders").version is None
    second.start()
    second.accept_everything()
    assert publications.in_force("orders").version == MODEL.version
    changed = replace(MODEL, traffic={})
    publish(publications, changed)
    peer.accept_everything()
    assert (publications.in_force("orders").version, publications.in_force("orders").pending) == (None, True)
    second.leave()
    assert publications.in_force("orders").version == changed.version
    peer.leave()
    assert (publications.in_force("orders").version, publications.in_force("orders").pending) == (None, True)
    assert publications.connected == frozenset()


def test_a_gateway_that_connects_again_replaces_its_earlier_stream(publications: Publications, peer: Peer) -> None:
    again = Peer(publications)
    assert peer.closed
    peer.leave()
    assert publications.connected == {again.session.node_id}


def test_an_unknown_endpoint_is_neither_in_force_nor_pending(publications: Publications, peer: Peer) -> None:
    assert publications.in_force("nobody") == GONE
    publications.report_rejected(peer.session, "nobody", "1", "words")
    publications.report_settled("nobody")
    assert publications.in_force("nobody") == GONE


def test_changes_are_announced_with_the_endpoint_that_they_are_about() -> None:
    announced: list[str | None] = []
    publications = Publications(announced.append)
    publish(publications, MODEL)
    publications.set_complete()
    peer = Peer(publications)
    assert announced == [None]
    peer.start()
    peer.accept_everything()
    assert set(announced[1:]) == {MODEL.name}


@pytest.mark.parametrize(
    "noise",
    [
        lambda peer: peer.session.receive(DeltaDiscoveryRequest(type_url="type.googleapis.com/unknown")),
        lambda peer: peer.say(Kind.ROUTES, nonce="never sent"),
        lambda peer: peer.say(Kind.HOSTS, drop=["never/known"]),
    ],
)
def test_what_cannot_be_placed_is_left_alone(peer: Peer, noise: Callable[[Peer], None]) -> None:
    noise(peer)
    assert peer.waiting() == []


def test_withdrawing_what_is_gone_already_is_no_news() -> None:
    announced: list[str | None] = []
    publications = Publications(announced.append)
    publish(publications, MODEL)
    publications.set_complete()
    peer = Peer(publications)
    peer.start()
    peer.accept_everything()
    publications.publish(EndpointResources("orders", version=None))
    peer.accept_everything()
    assert publications.in_force("orders") == GONE
    announced.clear()
    publications.publish(EndpointResources("orders", version=None))
    assert announced == []
    assert publications.in_force("orders") == GONE
