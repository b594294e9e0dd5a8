"""The search attributes by which people find workflows; `migration.names` has their names."""

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

with workflow.unsafe.imports_passed_through():
    from migration import names
    from migration.models import VmSpec
    from migration.phases import Phase

PHASE = SearchAttributeKey.for_keyword(names.ATTRIBUTE_PHASE)
NEEDS_ACTION = SearchAttributeKey.for_bool(names.ATTRIBUTE_NEEDS_ACTION)


def vm_attributes(plan: str, vm: VmSpec, phase: Phase | None = None) -> TypedSearchAttributes:
    """Return what a workflow about one virtual machine of a plan begins with."""
    words = {
        names.ATTRIBUTE_PLAN: plan,
        names.ATTRIBUTE_WAVE: vm.wave,
        names.ATTRIBUTE_VM: vm.name,
        names.ATTRIBUTE_SOURCE_REGION: vm.source_region,
        names.ATTRIBUTE_TARGET_REGION: vm.target_region,
        **({names.ATTRIBUTE_PHASE: phase.value} if phase else {}),
    }
    pairs = [SearchAttributePair(SearchAttributeKey.for_keyword(key), word) for key, word in words.items()]
    return TypedSearchAttributes([*pairs, SearchAttributePair(NEEDS_ACTION, value=False)])
