# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package, and the services of buckets. What mounts here is a stand-in (prepare.yml): S3 itself is not shown."""

from __future__ import annotations

from typing import Any

from support import changed
from support import eventually
from support import playbook
from support import said

UNIT = "podforge-s3@mnt-my\\\\x2ddatasets.service"


def converge(**variables: Any) -> Any:
    return playbook("mount_s3/converge.yml", variables=variables)


def test_services_run_with_the_arguments_of_their_buckets(compute: Any) -> None:
    assert compute.package("mount-s3").is_installed
    assert compute.file("/mnt/my-datasets/arguments").content_string == (
        "--read-only --allow-other --region=us-west-2 my-datasets /mnt/my-datasets\n"
    )
    assert compute.file("/srv/check-points/arguments").content_string == (
        "--allow-other --allow-delete --prefix=team-a/ --region=us-west-2 --max-threads=8 "
        "checkpoints /srv/check-points\n"
    )
    assert compute.check_output(f"systemctl is-enabled {UNIT}") == "enabled"
    assert compute.check_output(f"systemctl is-active {UNIT}") == "active"


def test_a_daemon_that_dies_is_started_again(compute: Any) -> None:
    compute.check_output(f"systemctl set-property --runtime {UNIT} MemoryMax=infinity")
    compute.check_output(f"systemctl kill --signal=KILL {UNIT}")
    assert compute.run(f"systemctl is-active {UNIT}").stdout.strip() == "activating"
    assert eventually(lambda: compute.run(f"systemctl is-active {UNIT}").stdout.strip() == "active", 60)


def test_a_bucket_in_use_keeps_its_options_until_it_is_mounted_again(compute: Any) -> None:
    buckets = [
        {"bucket": "my-datasets", "read_only": True, "options": ["--debug"]},
        {"bucket": "checkpoints", "path": "/srv/check-points", "options": ["--debug"]},
    ]
    compute.check_output(
        "systemd-run --quiet --unit=writer sh -c 'exec sleep 600 > /srv/check-points/written'; "
        "until [ -e /srv/check-points/written ]; do sleep 0.1; done"
    )
    try:
        done = converge(s3_buckets=buckets)
        assert done.returncode == 0, said(done)
        assert "In use, and left mounted: /srv/check-points. The new options count from the next mount on" in said(done)
        assert "--debug" in compute.file("/mnt/my-datasets/arguments").content_string
        assert "--debug" not in compute.file("/srv/check-points/arguments").content_string
        assert compute.check_output("ls -l /proc/$(systemctl show --property=MainPID --value writer)/fd/1").endswith(
            "/srv/check-points/written"
        )
        assert changed(converge(s3_buckets=buckets).stdout, "compute") == 0
        buckets[1]["state"] = "absent"
        done = converge(s3_buckets=buckets)
        assert done.returncode != 0
        assert "target is busy" in said(done)
        assert compute.run("systemctl is-active 'podforge-s3@srv-check\\x2dpoints.service'").stdout == "active\n"
    finally:
        compute.check_output("systemctl stop writer")
    buckets[1]["state"] = "present"
    compute.check_output("systemctl restart 'podforge-s3@srv-check\\x2dpoints.service'")
    assert "--debug" in compute.file("/srv/check-points/arguments").content_string
    assert converge().returncode == 0
    assert "--debug" not in compute.file("/srv/check-points/arguments").content_string


def test_a_package_that_is_another_one_is_not_installed(compute: Any) -> None:
    done = converge(s3_sha256="0" * 64)
    assert done.returncode != 0
    assert "checksum" in said(done)
    assert compute.run("ls /var/cache").stdout.count(".deb") == 1


def test_a_bucket_that_is_missing_and_one_that_is_not_wanted_any_more(compute: Any) -> None:
    buckets = [{"bucket": "missing-bucket"}, {"bucket": "my-datasets", "state": "absent"}]
    done = converge(s3_buckets=buckets)
    assert done.returncode != 0
    assert "mount-s3 says: " in said(done)
    assert "Error: bucket missing-bucket does not exist" in said(done)
    assert compute.run(f"systemctl is-active {UNIT}").stdout.strip() == "inactive"
    assert compute.run(f"systemctl is-enabled {UNIT}").stdout.strip() == "disabled"
    buckets[0]["state"] = "absent"
    assert converge(s3_buckets=buckets).returncode == 0
    assert "missing" not in compute.check_output("systemctl list-units --all --no-pager 'podforge-s3@*'")
