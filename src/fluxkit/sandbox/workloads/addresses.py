"""Addresses and ports of Services, granted when a Service is written, as the API server's own allocators do.

Follows kubernetes/kubernetes ``pkg/registry/core/service/storage/alloc.go``; one family, IPv4.
"""

import ipaddress
from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.status import invalid
from fluxkit.sandbox.store import Change, Store
from fluxkit.sandbox.validation import causes

__all__ = ["ServiceAddresses"]

_SERVICES = "services"
_NETWORK = ipaddress.ip_network("10.96.0.0/12")
_PORTS = range(30000, 32768)
_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")


class ServiceAddresses:
    """Which cluster IPs and node ports are taken, and by whom."""

    def __init__(self, store: Store) -> None:
        self._addresses: dict[str, str] = {}
        self._ports: dict[int, str] = {}
        self._next_address = 10
        self._next_port = 0
        for record in store.records(_SERVICES):
            self._note(record.decode())
        store.observe(self._observe)

    def _observe(self, change: Change) -> None:
        if change.resource == _SERVICES and change.deleted:
            uid = change.record.uid
            for address in [each for each, owner in self._addresses.items() if owner == uid]:
                del self._addresses[address]
            for port in [each for each, owner in self._ports.items() if owner == uid]:
                del self._ports[port]

    def _note(self, service: Object) -> None:
        uid, spec = service["metadata"]["uid"], service.get("spec") or {}
        for address in spec.get("clusterIPs") or ():
            if address != "None":
                self._addresses[address] = uid
        for port in spec.get("ports") or ():
            if port.get("nodePort"):
                self._ports[port["nodePort"]] = uid
        if spec.get("healthCheckNodePort"):
            self._ports[spec["healthCheckNodePort"]] = uid

    def allocate(self, resource: Resource, service: Object, old: Object | None, dry_run: bool) -> None:
        """Completes a Service that is about to be stored, in place.

        Raises Invalid if it asks for an address or port that is taken or out of range. A dry run reserves nothing.
        """
        spec = service["spec"]
        kind = spec.get("type")
        if kind == "ExternalName":
            for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
                spec.pop(field, None)
        else:
            self._address(resource, service)
            spec.setdefault("ipFamilies", ["IPv4"])
            spec.setdefault("ipFamilyPolicy", "SingleStack")
        if kind in _WITH_NODE_PORTS:
            self._node_ports(resource, service, old, spec)
        elif old is not None and ((old.get("spec") or {}).get("type")) in _WITH_NODE_PORTS:
            for port in spec.get("ports") or ():
                port.pop("nodePort", None)
        if not dry_run:
            self._note(service)

    def _address(self, resource: Resource, service: Object) -> None:
        spec, uid = service["spec"], service["metadata"]["uid"]
        given = spec.get("clusterIP") or next(iter(spec.get("clusterIPs") or ()), "")
        if given and given != "None":
            try:
                inside = ipaddress.ip_address(given) in _NETWORK
            except ValueError:
                inside = False
            problem = ""
            if not inside:
                problem = f"the provided IP ({given}) is not in the valid range. The range of valid IPs is {_NETWORK}"
            elif self._addresses.get(given, uid) != uid:
                problem = "provided IP is already allocated"
            if problem:
                text = f"failed to allocate IP {given}: {problem}"
                self._refuse(resource, service, "spec.clusterIPs", [given], text)
        chosen = given or self._free_address()
        spec["clusterIP"], spec["clusterIPs"] = chosen, [chosen]

    def _free_address(self) -> str:
        while True:
            self._next_address = (self._next_address + 1) % (_NETWORK.num_addresses - 1)
            address = str(_NETWORK[max(self._next_address, 11)])
            if address not in self._addresses:
                return address

    def _node_ports(self, resource: Resource, service: Object, old: Object | None, spec: dict[str, Any]) -> None:
        uid = service["metadata"]["uid"]
        before = {
            (port.get("port"), port.get("protocol")): port.get("nodePort")
            for port in (((old or {}).get("spec") or {}).get("ports") or ())
        }
        wanted = spec.get("type") == "NodePort" or spec.get("allocateLoadBalancerNodePorts", True)
        mine: set[int] = set()
        for index, port in enumerate(spec.get("ports") or ()):
            number = port.get("nodePort") or before.get((port.get("port"), port.get("protocol")))
            if number:
                where = f"spec.ports[{index}].nodePort"
                if number not in _PORTS:
                    text = "provided port is not in the valid range. The range of valid ports is 30000-32767"
                    self._refuse(resource, service, where, number, text)
                if self._ports.get(number, uid) != uid:
                    self._refuse(resource, service, where, number, "provided port is already allocated")
                port["nodePort"] = number
            elif wanted:
                port["nodePort"] = self._free_port(mine)
            if port.get("nodePort"):
                mine.add(port["nodePort"])
        local = spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"
        if local and not spec.get("healthCheckNodePort"):
            spec["healthCheckNodePort"] = self._free_port(mine)

    def _free_port(self, mine: set[int]) -> int:
        for _ in _PORTS:
            self._next_port = (self._next_port + 1) % len(_PORTS)
            if _PORTS[self._next_port] not in self._ports and _PORTS[self._next_port] not in mine:
                break
        return _PORTS[self._next_port]

    def _refuse(self, resource: Resource, service: Object, field: str, value: Any, text: str) -> None:
        name = service["metadata"]["name"]
        raise invalid(resource.kind, resource.group, name, [causes.invalid(field, value, text)])
