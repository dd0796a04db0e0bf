"""Case 54: a Ray cluster that loses nodes, workers and its driver; assets that kill. Nothing is lost."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'qc-plugin[ray]'")
cluster_utils = pytest.importorskip("ray.cluster_utils")

from qc_plugin.batch.run import ScanOptions, scan  # noqa: E402
from tests.faults.harness import check  # noqa: E402
from tests.faults.ray_scan import config_for, join  # noqa: E402
from tests.faults.stub_worker import asset  # noqa: E402

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cluster(monkeypatch):
    """A head that runs no tasks, and one node; the driver, this process, is on the head."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    made = cluster_utils.Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    made.add_node(num_cpus=1)
    yield made
    ray.shutdown()
    made.shutdown()


def assets(folder, n, word="slow"):
    for number in range(n):
        asset(folder / f"in/{number:03d}.png", word)


def on_ray(folder, progress=None):
    return scan([folder / "in"], config_for(folder), progress, ScanOptions(executor="ray"))


def test_54_a_node_is_killed_and_another_joins(cluster, tmp_path):
    doomed = cluster.add_node(num_cpus=1)
    join(cluster.address)
    assets(tmp_path, 40)

    def disturb(_outcome, n_done, _n_all):
        if n_done == 10:
            cluster.remove_node(doomed, allow_graceful=False)
        if n_done == 20:
            cluster.add_node(num_cpus=1)

    result = on_ray(tmp_path, disturb)
    assert result.verdicts == {"accept": 40}
    check(tmp_path, complete=40)
    assert on_ray(tmp_path).n_reused == 40


def test_54_poison_is_named_and_costs_itself_alone(cluster, tmp_path):
    join(cluster.address)
    assets(tmp_path, 12, "ok")
    for name in ("003", "007"):
        asset(tmp_path / f"in/{name}.png", "die")  # its worker
    asset(tmp_path / "in/009.png", "raylet")  # the worker of Ray, each time
    result = on_ray(tmp_path)
    bad = {Path(o.path).stem: o.exit_code for o in result.outcomes if o.verdict == "error"}
    assert bad == {"003": 22, "007": 22, "009": 22}
    assert result.verdicts["accept"] == 9
    again = on_ray(tmp_path)
    assert again.n_reused == 12  # nothing is tried for ever


def test_54_the_driver_is_killed_and_the_next_goes_on(cluster, tmp_path):
    assets(tmp_path, 30)
    command = [sys.executable, "-m", "tests.faults.ray_scan", cluster.address, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as driver:
        for _ in range(8):
            assert driver.stdout.readline()
        driver.send_signal(signal.SIGKILL)
    check(tmp_path)
    n_there = len(list((tmp_path / "out").rglob("*.parquet")))
    join(cluster.address)
    result = on_ray(tmp_path)
    assert result.verdicts == {"accept": 30}
    assert 8 <= n_there <= result.n_reused < 30
    check(tmp_path, complete=30)


def test_54_two_nodes_do_twice_the_work_of_one(cluster, tmp_path):
    """Simulated: the work sleeps, so that two nodes of one machine do not share its cores."""
    join(cluster.address)
    seconds = {}
    for n_nodes in (1, 2):
        if n_nodes == 2:
            cluster.add_node(num_cpus=1)
        folder, times = tmp_path / f"{n_nodes}", []
        assets(folder, 32, "nap")
        on_ray(folder, lambda *_, times=times: times.append(time.monotonic()))
        assert len(times) == 32
        seconds[n_nodes] = times[-1] - times[3]  # processes have started then
    print(f"one node {seconds[1]:.1f} s, two {seconds[2]:.1f} s: {seconds[1] / seconds[2]:.2f} times as fast")
    assert seconds[1] / seconds[2] > 1.6


def test_54_ctrl_c_leaves_no_task_behind(cluster, tmp_path):
    join(cluster.address)
    assets(tmp_path, 20)

    def stop(_outcome, n_done, _n_all):
        if n_done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        on_ray(tmp_path, stop)
    time.sleep(2.0)
    n_there = len(list((tmp_path / "out").rglob("*.parquet")))
    time.sleep(2.0)
    assert len(list((tmp_path / "out").rglob("*.parquet"))) == n_there < 20
