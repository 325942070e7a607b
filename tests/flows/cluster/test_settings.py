"""Cluster files: those that are shipped can be used, and what is wrong is named in one line."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from distributed import SSHCluster

from flows.cluster.settings import ClusterSettings, cluster_class, read_cluster
from pose_lib.errors import InputError

CLUSTERS = Path(__file__).parents[3] / "deployments" / "clusters"
NEEDS = {"slurm": "dask_jobqueue", "kubernetes": "dask_kubernetes", "ssh": "asyncssh"}


@pytest.mark.parametrize("name", NEEDS)
def test_a_shipped_file_fits_its_class_or_says_what_to_install(name):
    path = CLUSTERS / f"{name}.toml"
    settings = read_cluster(path)
    if find_spec(NEEDS[name]):
        assert callable(cluster_class(settings, callable, where=str(path)))
    else:
        with pytest.raises(InputError, match=rf'pip install "poselift\[{name}\]"'):
            cluster_class(settings, callable, where=str(path))


def test_every_shipped_file_is_tried():
    assert {path.stem for path in CLUSTERS.glob("*.toml")} == NEEDS.keys()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "dotted name"),
        ('cluster = "SLURMCluster"', "dotted name"),
        ('cluster = "distributed.SSHCluster"\nworker = 3', "did you mean 'workers'"),
        ('cluster = "distributed.SSHCluster"\nworkers = 0', "at least 1"),
        ('cluster = "distributed.SSHCluster"\nworkers = "3"', "expected int"),
        ('cluster = "distributed.SSHCluster"\nworkers = 3\nmaximum = 4', "not both"),
        ('cluster = "distributed.SSHCluster"\nminimum = 3', "minimum 3"),
        ('cluster = "distributed.SSHCluster"\nminimum = 3\nmaximum = 2', "minimum 3"),
        ('cluster = "distributed.SSHCluster"\noptions = 3', "table"),
        ("cluster = ", "cannot read"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(tmp_path, text, says):
    path = tmp_path / "cluster.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as refused:
        read_cluster(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("cluster", "options", "says"),
    [
        ("distributed.SHHCluster", {}, "there is no distributed.SHHCluster"),
        ("distributed.nothing.Cluster", {}, "there is no"),
        ("no_such_package.Cluster", {}, "no_such_package is not installed"),
        ("cluster_file_of_a_stranger.Cluster", {}, "is not installed"),
        ("subprocess.Popen", {"args": ["true"]}, "is not installed"),
        ("numpy.array", {}, "no class of Dask clusters"),
        ("distributed.SSHCluster", {"host": ["a"]}, "did you mean 'hosts'"),
        ("distributed.LocalCluster", {"n_wrkers": 2}, "did you mean 'n_workers'"),
    ],
)
def test_what_is_no_installed_cluster_or_no_option_of_it_is_refused(
    cluster, options, says, tmp_path, monkeypatch
):
    (tmp_path / "cluster_file_of_a_stranger.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    settings = ClusterSettings(cluster, options=options)
    with pytest.raises(InputError, match=says):
        cluster_class(settings, lambda found: "Cluster" in found.__name__, where="cluster.toml")


def test_the_number_of_workers_is_what_the_file_says():
    assert ClusterSettings("a.B", workers=3).planned_workers == 3
    assert ClusterSettings("a.B", minimum=0, maximum=5).planned_workers == 5
    assert ClusterSettings("a.B", options={"n_workers": 2}).planned_workers == 2
    assert ClusterSettings("a.B", options={"hosts": ["s", "w", "w"]}).planned_workers == 2
    assert ClusterSettings("a.B").planned_workers is None


def test_options_of_a_scheduler_s_jobs_are_known(monkeypatch):
    pytest.importorskip("dask_jobqueue")
    settings = ClusterSettings("dask_jobqueue.SLURMCluster", options={"wall_time": "1:00"})
    with pytest.raises(InputError, match="did you mean 'walltime'"):
        cluster_class(settings, callable, where="slurm.toml")


def test_ssh_hosts_are_started_by_dask_s_own_class():
    settings = ClusterSettings("distributed.SSHCluster", options={"hosts": ["a", "b"]})
    assert cluster_class(settings, callable, where="ssh.toml") is SSHCluster
