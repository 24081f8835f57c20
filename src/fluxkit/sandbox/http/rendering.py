"""Renderings of stored objects: plain, PartialObjectMetadata, Table; single, in lists, and in watch events."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from fluxkit.objects import Object
from fluxkit.sandbox import tables
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.conversion import convert, encoded, list_item
from fluxkit.sandbox.http.negotiation import Accepted
from fluxkit.sandbox.store import Record

__all__ = ["Rendering"]

_META = "meta.k8s.io/v1"
_EMPTY: Object = {"spec": {}, "status": {}}


class Rendering:
    """How one request wants to see objects of one resource. ``key`` names the rendering."""

    def __init__(self, resource: Resource, accepted: Accepted, include_object: str = "") -> None:
        self.resource = resource
        self.kind = accepted.kind
        self.include_object = include_object or "Metadata"
        self.key = f"{resource.api_version}|{self.kind}|{self.include_object if self.kind == 'Table' else ''}"
        self._told_columns = False

    @property
    def event_key(self) -> str:
        """Names what :meth:`event` gives next, among the renderings of a change."""
        return self.key + "|first" if self.kind == "Table" and not self._told_columns else self.key

    def event(self, record: Record) -> bytes:
        """The object of the next event of a watch: of the tables of one watch only the first tells the columns."""
        if self.kind != "Table":
            return self.one(record)
        table = self._table([record], {"resourceVersion": str(record.revision)})
        if self._told_columns:
            table["columnDefinitions"] = None
        self._told_columns = True
        return orjson.dumps(table)

    def one(self, record: Record) -> bytes:
        """The response to a request for a single object."""
        if not self.kind:
            return encoded(record.body, self.resource)
        if self.kind == "Table":
            return orjson.dumps(self._table([record], {"resourceVersion": str(record.revision)}))
        return orjson.dumps(_partial(record.decode()))

    def many(self, records: Sequence[Record], metadata: dict[str, Any]) -> bytes:
        """The response to a list request."""
        resource = self.resource
        if self.kind == "Table":
            return orjson.dumps(self._table(records, metadata))
        if self.kind:
            kind, api_version = "PartialObjectMetadataList", _META
            items = b",".join(orjson.dumps(_partial(item.decode())) for item in records)
        else:
            kind, api_version = resource.list_kind or resource.kind + "List", resource.api_version
            items = b",".join(list_item(item.body, resource) for item in records)
        head = orjson.dumps({"kind": kind, "apiVersion": api_version, "metadata": metadata})
        return head[:-1] + b',"items":[' + items + b"]}"

    def bookmark(self, revision: int, annotations: dict[str, str] | None = None) -> bytes:
        metadata: dict[str, Any] = {"resourceVersion": str(revision)}
        if annotations:
            metadata["annotations"] = annotations
        if self.kind == "PartialObjectMetadata":
            obj: Object = {"kind": "PartialObjectMetadata", "apiVersion": _META, "metadata": metadata}
        else:
            obj = {"kind": self.resource.kind, "apiVersion": self.resource.api_version, "metadata": metadata}
            if self.kind == "Table":
                row = {
                    "cells": tables.cells(tables.columns(self.resource), {**_EMPTY, **obj, "metadata": {"name": ""}}),
                    "object": {"kind": "PartialObjectMetadata", "apiVersion": _META, "metadata": metadata},
                }
                obj = {
                    "kind": "Table",
                    "apiVersion": _META,
                    "metadata": {"resourceVersion": str(revision)},
                    "columnDefinitions": None if self._told_columns else self._definitions(),
                    "rows": [row],
                }
        return orjson.dumps(obj)

    def _definitions(self) -> list[dict[str, Any]]:
        return [column.definition() for column in tables.columns(self.resource)]

    def _table(self, records: Iterable[Record], metadata: dict[str, Any]) -> Object:
        columns = tables.columns(self.resource)
        rows = []
        for record in records:
            # Columns of built-in kinds read the stored version, whichever was asked for, as upstream's internal one.
            obj = record.decode()
            row: dict[str, Any] = {"cells": tables.cells(columns, obj)}
            if self.include_object == "Object":
                row["object"] = convert(obj, self.resource)
            else:
                row["object"] = _partial(obj) if self.include_object == "Metadata" else None
            rows.append(row)
        return {
            "kind": "Table",
            "apiVersion": _META,
            "metadata": metadata,
            "columnDefinitions": self._definitions(),
            "rows": rows,
        }


def _partial(obj: Object) -> Object:
    return {"kind": "PartialObjectMetadata", "apiVersion": _META, "metadata": obj["metadata"]}
