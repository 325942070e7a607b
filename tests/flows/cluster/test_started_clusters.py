"""The shipped cluster files as their users meet them: workers started by jobs and by ssh.

The ssh server is a real one. SLURM is not at hand: stand-ins for its two commands run jobs here.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from left_over import MARK

from flows.cluster.placement import CLUSTER_VARIABLE
from flows.local.servers import LOOPBACK, free_port
from pose_lib.store import read_keypoints

CLUSTERS = Path(__file__).parents[3] / "deployments" / "clusters"
SSHD = shutil.which("sshd") or "/usr/sbin/sshd"

SBATCH = """#!/bin/sh
cp "$1" "$0.$$"
setsid sh "$0.$$" >"$0.$$.log" 2>&1 & echo "Submitted batch job $!"
"""  # like SLURM's, it has taken the script in when it returns: the caller then deletes it
SCANCEL = """#!/bin/sh
for job; do kill -TERM "-$job"; done
"""


@pytest.fixture
def place(api, steady):
    steady.environment["PREFECT_API_URL"] = api
    return steady


@pytest.fixture
def sshd(tmp_path, place):
    """Options for connections to an ssh server on loopback that takes the test's key alone."""
    if not Path(SSHD).exists():
        pytest.skip("needs an ssh server (Debian: openssh-server)")
    Path("/run/sshd").mkdir(exist_ok=True)
    port = free_port()
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name]
        subprocess.run(command, check=True)
    user_key, host_key = ((tmp_path / f"{name}.pub").read_text() for name in ("user", "host"))
    inherited = (f"{name}={place.environment[name]}" for name in ("PYTHONPATH", MARK))
    options = ",".join(f'environment="{each}"' for each in inherited)
    (tmp_path / "authorized").write_text(f"{options} {user_key}")
    (tmp_path / "known").write_text(f"[{LOOPBACK}]:{port} {host_key}")
    options = {
        "Port": port,
        "ListenAddress": LOOPBACK,
        "HostKey": tmp_path / "host",
        "AuthorizedKeysFile": tmp_path / "authorized",
        "PermitUserEnvironment": "yes",
        "StrictModes": "no",
        "PidFile": "none",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    server = subprocess.Popen([SSHD, "-D", "-f", "/dev/null", *words])
    yield (
        f"port = {port}\n"
        f'known_hosts = "{tmp_path / "known"}"\n'
        f'client_keys = ["{tmp_path / "user"}"]\n'
    )
    server.terminate()
    server.wait()


def test_jobs_of_slurm_do_the_work_and_end_with_the_run(place, monkeypatch):
    pytest.importorskip("dask_jobqueue")
    bin_folder = place.folder / "bin"
    bin_folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (bin_folder / name).write_text(text)
        (bin_folder / name).chmod(0o755)
    path = f"{bin_folder}{os.pathsep}{place.environment['PATH']}"
    text = (CLUSTERS / "slurm.toml").read_text()
    text = text.replace('# interface = "ib0"', 'interface = "lo"').replace("= 32", "= 2")
    _extract_all(place, text, PATH=path)


def test_workers_on_machines_reached_by_ssh_do_the_work_and_end_with_the_run(place, sshd):
    pytest.importorskip("asyncssh")
    text = (CLUSTERS / "ssh.toml").read_text()
    text = text.replace('["login", "node1", "node2"]', f'["{LOOPBACK}", "{LOOPBACK}"]')
    text = text.replace("n_workers = 4", "n_workers = 2")
    text = text.replace("# remote_python", f'remote_python = "{sys.executable}"  #')
    _extract_all(place, f"{text}\n[options.connect_options]\n{sshd}")


def _extract_all(place, cluster, **environment):
    (place.folder / "cluster.toml").write_text(cluster)
    run = place.extract(**{CLUSTER_VARIABLE: "cluster.toml"}, **environment)
    assert run.end() == 0, run.printed
    assert read_keypoints(place.store).n_people == place.n_images
