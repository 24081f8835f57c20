"""The history in a status: the last few distinct outcomes, newest first (fluxcd/pkg ``apis/meta/history.go``)."""

from collections.abc import Mapping
from datetime import datetime

from fluxkit.api.meta import Snapshot
from fluxkit.durations import format_duration
from fluxkit.timestamps import format_time

__all__ = ["upsert_snapshot"]

_LIMIT = 5


def upsert_snapshot(
    history: list[Snapshot], *, digest: str, status: str, moment: datetime, seconds: float, metadata: Mapping[str, str]
) -> None:
    """Records an outcome in place.

    An entry with equal digest and status is updated, counted up and moved to the front; otherwise a new one is put
    there. ``seconds`` is how long the attempt took.
    """
    time = format_time(moment)
    entry = next((each for each in history if (each.digest, each.last_reconciled_status) == (digest, status)), None)
    if entry is None:
        entry = Snapshot(
            digest=digest,
            first_reconciled=time,
            last_reconciled=time,
            last_reconciled_duration="",
            last_reconciled_status=status,
            total_reconciliations=0,
        )
    else:
        history.remove(entry)
    entry.last_reconciled = time
    entry.last_reconciled_duration = format_duration(seconds)
    entry.total_reconciliations += 1
    entry.metadata = dict(metadata)
    history.insert(0, entry)
    del history[_LIMIT:]
