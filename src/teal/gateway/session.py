"""One connected gateway: what it was given and has asked for, what it has not answered yet; for `xds_server.py`.

Speaks delta xDS (https://www.envoyproxy.io/docs/envoy/v1.40.0/api-docs/xds_protocol#incremental-xds) without knowing
about sockets: requests come in by `receive`, responses leave through `send`. Four things can come in, together in one
request: the first request of a kind (with what the gateway still holds from before), names it begins to ask for,
names it no longer needs, and the answer to one response: accepted or rejected.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse
from envoy.service.discovery.v3.discovery_pb2 import Resource as DeltaResource

from teal.gateway.batches import Part, plan_batches
from teal.gateway.delivery import UNASKED, Pause, Standing, Step, plan_step
from teal.gateway.publications import Publications
from teal.gateway.resources import Kind, Resource, endpoint_of

logger = logging.getLogger(__name__)


class Session:
    """The conversation with one gateway."""

    def __init__(
        self,
        node_id: str,
        publications: Publications,
        send: Callable[[DeltaDiscoveryResponse], None],
        close: Callable[[], None],
    ) -> None:
        self.node_id = node_id
        self.close = close
        self._publications = publications
        self._send_response = send
        self._introduced: set[Kind] = set()
        self._asked_of: defaultdict[str, dict[Kind, set[str]]] = defaultdict(_nothing_asked)
        self._given: defaultdict[str, dict[Kind, dict[str, str]]] = defaultdict(_nothing_given)
        self._settled: dict[str, str | None] = {}
        self._unanswered: dict[str, tuple[Part, ...]] = {}
        self._unanswered_of: Counter[str] = Counter()
        self._hostless: set[str] = set()
        self._held_back: set[str] = set()
        self._alone: set[str] = set()  # one of these made the gateway reject a response for several
        self._scopes_open = False
        self._nonces = 0

    def receive(self, request: DeltaDiscoveryRequest) -> None:
        """Take in one request and send what follows from it."""
        kind = _KINDS.get(request.type_url)
        if kind is None:
            return
        touched = self._note_names(kind, request)
        if request.response_nonce:
            touched |= self._note_answer(request)
        if kind not in self._introduced:
            self._introduce(kind, request)
            self.advance_all()
            return
        self._advance(touched)

    def advance(self, endpoint: str) -> None:
        """Send the next step for one endpoint, unless one is still unanswered."""
        self._advance((endpoint,))

    def advance_all(self) -> None:
        self._advance({*self._publications.endpoints(), *self._given})

    def settled(self, endpoint: str) -> str | None:
        return self._settled.get(endpoint)

    def has_settled(self, endpoint: str, version: str | None) -> bool:
        return endpoint in self._settled and self._settled[endpoint] == version

    # --- private

    def _advance(self, endpoints: Iterable[str]) -> None:
        due = [part for endpoint in sorted(endpoints) for part in self._take_steps(endpoint)]
        for batch in plan_batches(due, self._alone):
            self._send(batch)
        self._open_scopes()

    def _take_steps(self, endpoint: str) -> list[Part]:
        """What is to be sent of one endpoint now; it counts as given."""
        self._held_back.discard(endpoint)
        target = self._publications.target(endpoint)
        taken: list[Part] = []
        if target is None:
            return taken
        while isinstance(next_ := plan_step(target, self._stand(endpoint)), Step):
            taken.append(Part(endpoint, target.version, next_))
            self._note_given(taken[-1])
        if next_ is Pause.SCOPES_HELD_BACK and target.version is not None:
            self._held_back.add(endpoint)
        elif next_ is Pause.DONE:
            self._settle(endpoint, target.version)
        return taken

    def _stand(self, endpoint: str) -> Standing:
        return Standing(
            given=self._given[endpoint],
            asked=self._asked_of[endpoint],
            unanswered=self._unanswered_of[endpoint] > 0,
            clusters_known=Kind.CLUSTERS in self._introduced,
            hostless=self._hostless,
            scopes_open=self._scopes_open,
        )

    def _introduce(self, kind: Kind, request: DeltaDiscoveryRequest) -> None:
        """The first request of a kind: an Envoy that was connected before says what it still has."""
        self._introduced.add(kind)
        # Hosts are sent again in any case: a cluster may have been accepted just before the connection broke and still
        # be waiting for them, and nothing in this request tells. Sending them twice changes nothing in Envoy.
        if kind is not Kind.HOSTS:
            for name, version in request.initial_resource_versions.items():
                self._given[endpoint_of(name)][kind][name] = version
        if kind is Kind.CLUSTERS:
            # A starting Envoy waits for a first answer before it asks for anything else, even when there is nothing.
            self._send_to_all(Step(kind))
        if kind is Kind.SCOPES:
            self._scopes_open = bool(request.initial_resource_versions)

    def _note_names(self, kind: Kind, request: DeltaDiscoveryRequest) -> set[str]:
        if kind in UNASKED:
            return set()
        for name in request.resource_names_unsubscribe:
            self._asked_of[endpoint_of(name)][kind].discard(name)
            self._given[endpoint_of(name)][kind].pop(name, None)
        for name in request.resource_names_subscribe:
            # Asking again means: I have lost it.
            self._asked_of[endpoint_of(name)][kind].add(name)
            self._given[endpoint_of(name)][kind].pop(name, None)
        return {endpoint_of(name) for name in (*request.resource_names_unsubscribe, *request.resource_names_subscribe)}

    def _note_answer(self, request: DeltaDiscoveryRequest) -> set[str]:
        sent = self._unanswered.pop(request.response_nonce, ())
        for part in sent:
            self._unanswered_of[part.endpoint] -= 1
        if sent and request.HasField("error_detail"):
            self._note_rejection(sent, request.error_detail.message)
        endpoints = {part.endpoint for part in sent}
        if _EVERY_ENDPOINT in endpoints and sent[0].step.kind is Kind.SCOPES:
            self._scopes_open = True
            return {*self._publications.endpoints(), *self._given}
        return endpoints - {_EVERY_ENDPOINT}

    def _note_rejection(self, sent: tuple[Part, ...], words: str) -> None:
        named = {endpoint_of(resource.name) for part in sent for resource in part.step.send}
        concerned = (named | {part.endpoint for part in sent}) - {_EVERY_ENDPOINT}
        logger.warning("gateway %s rejected %s: %s", self.node_id, _name(sent, concerned), words)
        # Parts of a rejected response may have been taken over, or be there as they were: what the gateway has is
        # unknown, so it is sent again, or taken away.
        for part in sent:
            for resource in part.step.send:
                given = self._given[endpoint_of(resource.name)][part.step.kind]
                if given.get(resource.name) == resource.version:
                    del given[resource.name]
                    given |= {resource.name: _UNKNOWN} if part.step.kind in UNASKED else {}
        if len(sent) > 1 or sent[0].endpoint == _EVERY_ENDPOINT:
            # Sent one by one, the bad one will name itself.
            self._alone |= concerned
            for part in sent:
                for name in part.step.remove:
                    self._given[part.endpoint][part.step.kind].setdefault(name, _UNKNOWN)
        else:
            self._publications.report_rejected(self, sent[0].endpoint, sent[0].version, words)

    def _open_scopes(self) -> None:
        """Give a starting gateway all its scopes in one response, once everything behind them is in place.

        It begins to listen when it has the routes of its first scopes, so an endpoint sent later would be a 404 first.
        """
        ready = self._publications.complete and Kind.SCOPES in self._introduced
        if self._scopes_open or not ready or self._unanswered or self._held_back != self._publications.deliverable():
            return
        targets = [self._publications.target(endpoint) for endpoint in sorted(self._held_back)]
        scopes = [scope for target in targets if target is not None for scope in target.of(Kind.SCOPES).values()]
        self._send_to_all(Step(Kind.SCOPES, send=tuple(scopes)))

    def _settle(self, endpoint: str, version: str | None) -> None:
        self._alone.discard(endpoint)
        if self.has_settled(endpoint, version):
            return
        self._settled[endpoint] = version
        self._publications.report_settled(endpoint)
        if version is None:
            self._forget(endpoint)

    def _forget(self, endpoint: str) -> None:
        if endpoint not in self._publications:
            self._settled.pop(endpoint, None)
            self._given.pop(endpoint, None)
            self._asked_of.pop(endpoint, None)
            self._unanswered_of.pop(endpoint, None)

    def _send_to_all(self, step: Step) -> None:
        part = Part(_EVERY_ENDPOINT, None, step)
        self._note_given(part)
        self._send((part,))

    def _note_given(self, part: Part) -> None:
        step = part.step
        for resource in step.send:
            given = self._given[endpoint_of(resource.name)]
            given[step.kind][resource.name] = resource.version
            if step.kind is Kind.CLUSTERS:
                # A changed cluster takes over only once it was given its hosts again, changed or not.
                given[Kind.HOSTS].pop(resource.name, None)
                self._hostless.add(resource.name)
            elif step.kind is Kind.HOSTS:
                self._hostless.discard(resource.name)
        for name in step.remove:
            self._given[endpoint_of(name)][step.kind].pop(name, None)
        if step.kind is Kind.CLUSTERS:
            self._hostless.difference_update(step.remove)
        self._unanswered_of[part.endpoint] += 1

    def _send(self, batch: tuple[Part, ...]) -> None:
        self._nonces += 1
        nonce = str(self._nonces)
        self._unanswered[nonce] = batch
        self._send_response(
            DeltaDiscoveryResponse(
                type_url=batch[0].step.kind.value,
                nonce=nonce,
                resources=[_to_delta(resource) for part in batch for resource in part.step.send],
                removed_resources=[name for part in batch for name in part.step.remove],
            )
        )


# Stands in for an endpoint's name where a response is not about one endpoint; no endpoint is called like this.
_EVERY_ENDPOINT = ""

# Stands in for a version; no version is called like this.
_UNKNOWN = ""

_KINDS = {kind.value: kind for kind in Kind}


def _nothing_given() -> dict[Kind, dict[str, str]]:
    return {kind: {} for kind in Kind}


def _nothing_asked() -> dict[Kind, set[str]]:
    return {kind: set() for kind in Kind}


def _to_delta(resource: Resource) -> DeltaResource:
    return DeltaResource(name=resource.name, version=resource.version, resource=resource.body)


def _name(sent: tuple[Part, ...], concerned: set[str]) -> str:
    if len(sent) == 1:
        return sent[0].endpoint or "its first scopes"
    return f"one of {len(concerned)} endpoints"
