"""Multi-VM consistency groups: machines enabled under one name fail over together, by a recovery plan, or not."""

from tests.simulator.siterecovery_estate import A2A, PRIMARY, RECOVERY, TARGET, VAULT, Lab, item_id, seed, vm_id
from tests.support.cloud import Cloud

PLAN = f"{VAULT}/replicationRecoveryPlans/shop"
PART = f"{VAULT}/replicationRecoveryPlans/part"
NAMES = ("db", "web", "mail")


def _plan(lab: Lab, id_: str, *names: str) -> None:
    group = {"groupType": "Boot", "replicationProtectedItems": [{"id": item_id(name)} for name in names]}
    body = {"primaryFabricId": PRIMARY, "recoveryFabricId": RECOVERY, "groups": [group]}
    lab.run("PUT", id_, {"properties": body})


def _latest(lab: Lab, kind: str, option: str, *, shut_down: bool = True) -> dict[str, object]:
    body = lab.failover_body(several=True, shut_down=shut_down)
    details = [{**A2A, "recoveryPointType": kind, "multiVmSyncPointOption": option}]
    return {"properties": {**body["properties"], "providerSpecificDetails": details}}


def test_a_group_fails_over_together_or_not_at_all() -> None:
    """Items show their group; one alone, and a plan that lacks one, are refused; all of it go, others beside."""
    with Cloud(seed(*NAMES, behaviour={name: {} for name in NAMES})) as cloud:
        lab = Lab(cloud)  # type: ignore[arg-type]
        lab.set_up()
        groups = {"db": {"multiVmGroupName": "Shop"}, "web": {"multiVmGroupName": "shop"}, "mail": {}}
        answers = []
        for name in NAMES:
            answers.append(lab.accepted("PUT", item_id(name), lab.enable_body(name, **groups[name])))
            cloud.advance(130)
        cloud.advance(3600)
        assert {"Succeeded"} == {lab.finish(answer)["status"] for answer in answers}
        shown = {name: lab.item(name)["providerSpecificDetails"] for name in NAMES}
        _plan(lab, PART, "web", "mail")
        _plan(lab, PLAN, *NAMES)
        alone = lab.sim.arm("POST", f"{item_id('db')}/unplannedFailover", lab.failover_body())
        part = lab.sim.arm("POST", f"{PART}/unplannedFailover", lab.failover_body(several=True))
        odd = lab.sim.arm("POST", f"{PLAN}/unplannedFailover", _latest(lab, "Latest", "UseNone"))
        points = lab.get(f"{item_id('db')}/recoveryPoints")["value"]
        lab.sim.arm("POST", f"{vm_id('db')}/deallocate")
        lab.sim.advance(1200)
        shared = _latest(lab, "LatestProcessed", "UseMultiVmSyncRecoveryPoint", shut_down=False)
        job = lab.run("POST", f"{PLAN}/unplannedFailover", shared)
        lab.run("POST", f"{PLAN}/failoverCommit")

        assert shown["db"]["multiVmGroupId"] == shown["web"]["multiVmGroupId"] != shown["mail"]["multiVmGroupId"]
        assert [("Shop", "UserSpecified"), ("shop", "UserSpecified"), ("", "AutoCreated")] == [
            (one["multiVmGroupName"], one["multiVmGroupCreateOption"]) for one in shown.values()
        ]
        assert {"MultiVmSyncRecoveryPoint"} == {
            point["properties"]["providerSpecificDetails"]["recoveryPointSyncType"] for point in points
        }
        codes = [answer.json()["error"]["details"][0]["code"] for answer in (alone, part, odd)]
        assert ["SingleVmFailoverNotAllowed", "SingleVmFailoverNotAllowed", "InvalidInput"] == codes
        assert (400, True) == (alone.status_code, "'Shop'" in alone.json()["error"]["message"])
        machines = job["tasks"][2]["groupTaskCustomDetails"]["childTasks"]
        jobs = {child["friendlyName"]: lab.get(child["customDetails"]["jobTask"]["jobId"]) for child in machines}
        times = {name: _point_time(jobs[name]) for name in NAMES}
        assert times["db"] == times["web"] < times["mail"]
        assert {"UnplannedFailoverCommitted"} == {lab.item(name)["protectionState"] for name in NAMES}
        assert ["PowerState/deallocated", "PowerState/running"] == [lab.power(vm_id(name)) for name in ("db", "web")]
        assert {"PowerState/running"} == {lab.power(vm_id(name, TARGET)) for name in NAMES}


def _point_time(job: dict[str, object]) -> str:
    properties = job["properties"]
    assert isinstance(properties, dict)
    details = properties["customDetails"]["protectedItemDetails"]
    return str(details[0]["recoveryPointTime"])
