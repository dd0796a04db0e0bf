"""Row 1: no command reaches for the network or writes to HOME, whatever runtime and reader it uses.

CI=true in the environment hides the fault, so the commands get an environment without it.
"""

from __future__ import annotations

import pytest

from qc_plugin.inference.tensorrt import flavours
from tests.support.media import write_clip, write_still
from tests.support.tiny_onnx import small_network, write_engine
from tests.support.watched import watched, why_no_strace

RUNS = {
    "doctor": ["doctor"],
    "check": ["check", "clip.mp4"],
    "scan": ["scan", ".", "--backend", "onnxruntime", "--reader", "decord", "--jobs", "1"],
    "build": ["engines", "build", "tiny", "--target", "portable", "--flavour", "tensorrt_rtx"],
}
# What does all that must be seen: a packet to nowhere (TEST-NET-1), a file in HOME.
ROGUE = """
import os, socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 9))
open(os.path.join(os.environ["HOME"], "id"), "w").close()
"""


@pytest.fixture(scope="module", params=RUNS)
def run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stranger")
    work = folder / "work"
    work.mkdir()
    if request.param == "build":
        reason = flavours.flavour_missing("tensorrt_rtx")
        if reason is not None:
            pytest.skip(reason)
        write_engine(work / "tiny", small_network())
    elif request.param != "doctor":
        write_clip(work / "clip.mp4", seconds=0.4)
        write_still(work / "still.png", width=240)
    done = watched(folder, *RUNS[request.param])
    assert done.code in (0, 10, 11), done.stdout + done.stderr
    return request.param, done


def unasked(command, paths):
    """`engines build` is there to fill the cache that docs/privacy.md names."""
    cache = ".cache/qc-plugin/plans" if command == "build" else "nowhere"
    return [path for path in paths if cache not in path and not cache.startswith(path)]


def test_row_01_home_stays_as_it_was(run):
    assert unasked(run[0], run[1].in_home) == []


def test_row_01_no_name_is_looked_up_and_nothing_connected_to(run):
    assert run[1].audited == []


@pytest.mark.skipif(why_no_strace() is not None, reason=why_no_strace() or "")
def test_row_01_no_system_call_reaches_the_network_or_writes_elsewhere(run):
    command, done = run
    assert done.sent == []
    assert unasked(command, [path.partition("/home/")[2] or path for path in done.made]) == []


def test_row_01_the_observers_see_what_they_look_for(tmp_path):
    done = watched(tmp_path, python=("-c", ROGUE))
    assert done.in_home == ["id"]
    assert len(done.audited) == 1
    if why_no_strace() is None:
        assert done.sent
        assert done.made == [str(tmp_path / "home/id")]


def test_row_01_openvino_takes_its_own_stand_in_even_where_models_are_converted(tmp_path):
    code = (
        "import sys\n"
        "from qc_plugin.inference import runtimes\n"
        "runtimes.openvino()\n"
        "import openvino.tools.ovc.convert_impl\n"
        "print([n for n, m in sys.modules.items() if n.startswith('openvino_telemetry') and m is not None])\n"
    )
    done = watched(tmp_path, python=("-c", code))
    assert (done.code, done.stdout, done.in_home) == (0, "[]\n", []), done.stderr
