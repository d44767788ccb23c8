# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps directories, load balancers and names in step with what moto has been told: one thread that looks and acts.

What is to be done follows from moto's saved state and from what runs, so that a server that was killed goes on where it
was.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.directory import endpoints
from local_cloud.directory import names
from local_cloud.directory import stages
from local_cloud.directory.certificates import CertificateAuthority
from local_cloud.directory.haproxy import Target
from local_cloud.directory.machines import Spot
from local_cloud.directory.records import addresses_of
from local_cloud.directory.records import balancers
from local_cloud.directory.records import directories
from local_cloud.directory.records import forwarding_rules
from local_cloud.directory.records import move
from local_cloud.directory.records import private_zones
from local_cloud.directory.records import record
from local_cloud.errors import LocalCloudError
from local_cloud.faults import CERTIFICATE_SWAPPED
from local_cloud.faults import DIRECTORY_FAILURE
from local_cloud.faults import DIRECTORY_SLOW
from local_cloud.faults import ENDPOINT_DOWN
from local_cloud.faults import TARGET_UNHEALTHY
from local_cloud.providers.base import LaunchError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Protocol

    from local_cloud.directory.haproxy import Health
    from local_cloud.directory.hooks import TargetState
    from local_cloud.directory.machines import Machines
    from local_cloud.faults import Faults
    from local_cloud.hyperpod.clock import Clock

    class Access(Protocol):
        """moto_access.MotoAccess."""

        def changes(self, service: str) -> AbstractContextManager[None]:
            """Around a change of moto's backends."""


log = logging.getLogger(__name__)
# Signing names of the services whose changes are looked at.
SERVICES = frozenset({"acm", "ds", "ec2", "elasticloadbalancing", "route53", "route53resolver"})
# Wall seconds between two looks at what runs, and at a simulated directory that is on its way.
_LOOK = 2.0
_QUICK = 0.1
_IDLE = 30.0
_DRAIN = 5.0


class Keeper:
    """The thread, and the answers to the mended services (directory.hooks.Keeper)."""

    def __init__(self, clock: Clock, access: Access, faults: Faults, machines: Machines) -> None:
        self._clock = clock
        self._access = access
        self._faults = faults
        self._machines = machines
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="directories", daemon=True)
        self._applied: dict[str, Any] = {}
        """Settings that a balancer runs with, forwarders of a directory, zones of a VPC, by id."""
        self._reports: dict[str, dict[tuple[str, str], Health]] = {}
        self._states: dict[tuple[str, Target], TargetState] = {}
        self._wrong: dict[str, str] = {}
        self._made: set[str] = set()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is being done now; what takes longer than some seconds is done again at the next start."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_DRAIN)

    def changed(self, service: str) -> None:
        """Something of a service (signing name) has changed: look at it now."""
        if service in SERVICES:
            self._wake.set()

    def wake(self) -> None:
        """Faults or the speed have changed: look now."""
        self._wake.set()

    def snapshot(self) -> dict[str, Any]:
        """Directories and network load balancers, for 'status'."""
        return {
            "directories": [
                {
                    "id": directory.directory_id,
                    "name": directory.name,
                    "stage": directory.stage,
                    "reason": record(directory).get("reason"),
                    "addresses": list(directory.dns_ip_addrs),
                }
                for _backend, directory in directories()
            ],
            "load_balancers": [
                {
                    "name": balancer.name,
                    "state": balancer.state,
                    "addresses": addresses_of(backend, balancer),
                    "ports": [int(listener.port) for listener in balancer.listeners.values()],
                }
                for backend, balancer in balancers()
            ],
        }

    # --- hooks ---------------------------------------------------------------------------------------------------

    def now(self) -> float:
        """See hooks.Keeper."""
        return self._clock.now().virtual

    def reset_password(self, directory: Any, user: str, password: str) -> None:
        """See hooks.Keeper."""
        self._machines.reset_password(_spot_of_directory(directory), user, password)

    def target_state(self, group: Any, address: str, port: int) -> TargetState:
        """See hooks.Keeper."""
        if not group.load_balancer_arns:
            return endpoints.UNUSED
        if self._machines.simulated:
            return self._simulated_state(group, address)
        name, target = endpoints.id_of(group.arn), Target(address, port)
        reports = [self._reports.get(endpoints.id_of(arn), {}) for arn in group.load_balancer_arns]
        state = endpoints.real_state(name, target, reports, self._states.get((name, target)))
        self._states[name, target] = state
        return state

    def _simulated_state(self, group: Any, address: str) -> TargetState:
        users = {balancer.state for _backend, balancer in balancers() if balancer.arn in group.load_balancer_arns}
        if "active" not in users:
            return endpoints.INITIAL
        owners = [directory for _backend, directory in directories() if address in directory.dns_ip_addrs]
        broken = any(directory.stage not in (stages.CREATED, stages.ACTIVE) for directory in owners)
        broken |= self._faults.on(TARGET_UNHEALTHY, address) is not None
        return endpoints.UNHEALTHY if broken else endpoints.HEALTHY

    # --- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            for part in (self._turn_directories, self._turn_balancers, self._turn_names, self._turn_leftovers):
                try:
                    part()
                except Exception:
                    log.exception("%s failed, it is tried again", part.__name__)
                if self._stop.is_set():
                    return
            self._wake.wait(self._pause())

    def _pause(self) -> float:
        found = [directory for _backend, directory in directories()]
        under_way = any(stages.seconds_left(each.stage, 0, 0) is not None for each in found)
        under_way |= any(balancer.state == "provisioning" for _backend, balancer in balancers())
        if self._machines.simulated:
            return _QUICK if under_way else _IDLE
        # a container that can't be made is not tried again without a pause
        return _LOOK if found or under_way or self._reports else _IDLE

    def _turn_directories(self) -> None:
        for backend, directory in directories():
            if self._stop.is_set():
                return
            try:
                self._keep_directory(backend, directory)
            except (LocalCloudError, LaunchError) as error:
                log.warning("directory %s: %s", directory.directory_id, error)

    def _keep_directory(self, backend: Any, directory: Any) -> None:
        step = stages.next_stage(self._look_at(directory), self.now())
        if step is not None:
            self._move(backend, directory, step)
        if directory.stage == stages.ACTIVE:
            self._forward(directory)

    def _look_at(self, directory: Any) -> stages.Seen:
        stage, spot = directory.stage, _spot_of_directory(directory)
        simulated = self._machines.simulated
        since = record(directory).get("since", 0.0)
        if stage == stages.CREATING and (not simulated or spot.id not in self._made):
            self._made.add(spot.id)
            fault = self._faults.take(DIRECTORY_FAILURE, directory.name)
            failure = None if fault else self._make(directory, spot)
            # of a simulated one the failure shows at once; a real one answers when it is made
            return stages.Seen(stage, since, simulated, fault=fault, failure=failure)
        if stage == stages.DELETING:
            self._machines.end_directory(spot)
            return stages.Seen(stage, since, simulated, exists=False)
        if stage in (stages.ACTIVE, stages.IMPAIRED, stages.INOPERABLE):
            exists, answers = self._state_of(spot)
            return stages.Seen(stage, since, simulated, exists=exists, answers=answers)
        return stages.Seen(stage, since, simulated)

    def _make(self, directory: Any, spot: Spot) -> str | None:
        """Have the controllers; why they can't be had."""
        try:
            self._machines.make_directory(spot, directory.name, directory.short_name, directory.password)
        except (LocalCloudError, LaunchError, OSError) as error:
            log.warning("directory %s can't be made: %s", spot.id, error)
            return f"The directory could not be created: {error}"
        return None

    def _state_of(self, spot: Spot) -> tuple[bool, bool]:
        try:
            return self._machines.directory_state(spot)
        except (LocalCloudError, LaunchError) as error:
            log.warning("directory %s: %s", spot.id, error)
            return True, False

    def _move(self, backend: Any, directory: Any, step: stages.Move) -> None:
        if self._stop.is_set():
            # the containers go down with us: what was seen of them says nothing; the next start looks again
            return
        log.info("directory %s (%s): %s -> %s", directory.directory_id, directory.name, directory.stage, step.stage)
        with self._access.changes("ds"):
            if directory.stage == stages.DELETING and step.stage != stages.GONE:
                return
            if step.stage == stages.GONE:
                backend.delete_directory(directory.directory_id)
                self._made.discard(directory.directory_id)
                self._applied.pop(directory.directory_id, None)
                return
            if step.stage in (stages.CREATED, stages.FAILED):
                # nobody needs it any more: the controllers have it
                directory.password = ""
            move(directory, step, self.now())
        self._wake.set()

    def _forward(self, directory: Any) -> None:
        # a copy: what a customer changes while the controller is told must differ from what it was told
        wanted = dict(record(directory).get("forwarders", {}))
        spot = _spot_of_directory(directory)
        if self._applied.get(spot.id) != wanted:
            self._machines.forward(spot, wanted)
            self._applied[spot.id] = wanted

    def _turn_balancers(self) -> None:
        for backend, balancer in balancers():
            if self._stop.is_set():
                return
            spot = _spot_of_balancer(backend, balancer)
            if spot is None:
                continue
            try:
                self._keep_balancer(backend, balancer, spot)
            except (LocalCloudError, LaunchError) as error:
                log.warning("load balancer %s: %s", balancer.name, error)
                self._applied.pop(spot.id, None)
                self._reports[spot.id] = {}
            else:
                self._activate(balancer)

    def _keep_balancer(self, backend: Any, balancer: Any, spot: Spot) -> None:
        if self._machines.simulated:
            return
        if self._faults.on(ENDPOINT_DOWN, balancer.name):
            self._machines.stop_balancer(spot)
            self._applied.pop(spot.id, None)
            return
        wanted = (spot, endpoints.settings_of(balancer, backend.target_groups, *self._around(backend, balancer)))
        if self._applied.get(spot.id) != wanted:
            self._machines.run_balancer(spot, *wanted[1])
            self._applied[spot.id] = wanted
        self._reports[spot.id] = self._machines.health(spot)

    def _around(self, backend: Any, balancer: Any) -> tuple[dict[str, Any], endpoints.Faults]:
        """Certificates of the balancer's region, and its faults."""
        from moto.acm.models import acm_backends  # noqa: PLC0415 # after the environment is clean

        certificates = acm_backends[backend.account_id][backend.region_name]._certificates
        slow = self._faults.on(DIRECTORY_SLOW, balancer.name)
        faults = endpoints.Faults(
            unhealthy=lambda address: self._faults.on(TARGET_UNHEALTHY, address) is not None,
            certificate=self._wrong_certificate(balancer, certificates),
            delay=0.0 if slow is None else slow.seconds or 0.0,
        )
        return certificates, faults

    def _wrong_certificate(self, balancer: Any, certificates: dict[str, Any]) -> str | None:
        """The certificate that is shown instead: the fault's, or one for the same names by an unknown authority."""
        fault = self._faults.on(CERTIFICATE_SWAPPED, balancer.name)
        if fault is None:
            return None
        if fault.certificate:
            return fault.certificate
        shown = [listener.certificate for listener in balancer.listeners.values()]
        found = [certificates[arn] for arn in shown if arn in certificates]
        kept = sorted({name for bundle in found for name in bundle.sans or [bundle.common_name]})
        key = " ".join(kept) or "nobody.invalid"
        if key not in self._wrong:
            self._wrong[key] = CertificateAuthority("some other CA").issue(*key.split()).bundle
        return self._wrong[key]

    def _activate(self, balancer: Any) -> None:
        """A load balancer that has been provisioned for long enough, or whose container runs, is active."""
        over = self.now() - record(balancer).get("since", 0.0) >= stages.BALANCER_SECONDS
        if balancer.state == "provisioning" and (over or not self._machines.simulated):
            with self._access.changes("elasticloadbalancing"):
                balancer.state = "active"
            log.info("load balancer %s is active", balancer.name)

    def _turn_names(self) -> None:
        """Each VPC's resolver knows the private zones that are associated with it, and all load balancers."""
        known = {balancer.dns_name.lower(): addresses_of(backend, balancer) for backend, balancer in balancers()}
        by_vpc: dict[str, list[Any]] = {}
        for zone in private_zones():
            for vpc in zone.vpcs:
                by_vpc.setdefault(vpc["vpc_id"], []).append(zone)
        rules: dict[str, dict[str, list[str]]] = {}
        for vpc_id, domain, addresses in forwarding_rules():
            rules.setdefault(vpc_id, {})[domain] = addresses
        for vpc_id in (*rules, *(balancer.vpc_id for _backend, balancer in balancers())):
            by_vpc.setdefault(vpc_id, [])
        served = {vpc for vpc in self._applied if vpc.startswith("vpc-")}
        for vpc_id in sorted(served | set(by_vpc)):
            files = names.files_of(by_vpc.get(vpc_id, []), known, rules.get(vpc_id, {}))
            if self._applied.get(vpc_id) != files:
                self._machines.serve_zones(vpc_id, files)
                self._applied[vpc_id] = files

    def _turn_leftovers(self) -> None:
        wanted = {directory.directory_id for _backend, directory in directories()}
        wanted |= {endpoints.id_of(balancer.arn) for _backend, balancer in balancers()}
        if self._applied.get("kept") != wanted:
            self._machines.keep_only(wanted)
            for gone in set(self._reports) - wanted:
                del self._reports[gone]
                self._applied.pop(gone, None)
            self._applied["kept"] = wanted


def _spot_of_directory(directory: Any) -> Spot:
    vpc_cidr, subnet_cidr = record(directory)["network"]
    vpc_id = directory.vpc_settings["VpcId"]
    return Spot(directory.directory_id, tuple(directory.dns_ip_addrs), vpc_id, vpc_cidr, subnet_cidr)


def _spot_of_balancer(backend: Any, balancer: Any) -> Spot | None:
    addresses = addresses_of(backend, balancer)
    if not addresses:
        return None
    vpc_cidr, subnet_cidr = record(balancer)["network"]
    return Spot(endpoints.id_of(balancer.arn), tuple(addresses), balancer.vpc_id, vpc_cidr, subnet_cidr)
