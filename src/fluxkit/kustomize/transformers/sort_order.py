"""The order of the output (SortOrderTransformer)."""

from functools import cmp_to_key

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.identity import ORDER_FIRST, ORDER_LAST, ResId, type_orders
from fluxkit.kustomize.kustomization import LegacySortOptions, SortOptions
from fluxkit.kustomize.resmap import ResMap

__all__ = ["sort_resources"]


def sort_resources(resources: ResMap, options: SortOptions) -> None:
    """Order by ``fifo`` (as accumulated) or ``legacy`` (by kind). Raises :class:`KustomizeError` for bad options."""
    if options.order not in ("fifo", "legacy"):
        raise KustomizeError("the field 'sortOptions.order' must be one of [fifo, legacy]", field="sortOptions.order")
    if options.order == "fifo":
        if options.legacy is not None:
            raise KustomizeError(
                "the field 'sortOptions.legacySortOptions' is set but the selected sort order is 'fifo', not 'legacy'",
                field="sortOptions.legacySortOptions",
            )
        return
    lists = options.legacy if options.legacy is not None else LegacySortOptions(list(ORDER_FIRST), list(ORDER_LAST))
    orders = type_orders(tuple(lists.first or ()), tuple(lists.last or ()))

    def less(left: ResId, right: ResId) -> bool:
        left_gvk, right_gvk = left.gvk, right.gvk
        if left_gvk == right_gvk:
            return _text(left) < _text(right)
        left_rank, right_rank = orders.get(left.kind, 0), orders.get(right.kind, 0)
        if left_rank != right_rank:
            return left_rank < right_rank
        if left.kind == right.kind == "Namespace" and (not left.group or not right.group):
            return left_gvk.sort_text > right_gvk.sort_text
        return left_gvk.sort_text < right_gvk.sort_text

    def compare(left: ResId, right: ResId) -> int:
        return -1 if less(left, right) else int(less(right, left))

    order = cmp_to_key(compare)
    resources.resources.sort(key=lambda resource: order(resource.id))
    resources.refuse_duplicates()


def _text(resource_id: ResId) -> str:
    return f"{resource_id.gvk}|{resource_id.namespace or '~X'}|{resource_id.name or '~N'}"
