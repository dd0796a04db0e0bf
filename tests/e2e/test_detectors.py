"""The setting `detectors`: which engines look for faces and hands, in the report and in its keys."""

import json
import os
import shutil

import yaml

from qc_plugin.asset.keys import keys_for, rules_of
from qc_plugin.config import RunConfig
from qc_plugin.inference.spec import engines_folder
from qc_plugin.report.read import read_frames, read_meta
from tests.support.detectors import imported


def test_a_check_takes_hands_from_mediapipe_and_people_from_the_own_engine(
    qc, still, tmp_path, tmp_path_factory
):
    folder = imported("mediapipe_palm", tmp_path_factory).parent
    env = os.environ | {"QC_ENGINES_DIR": str(folder), "QC_DETECTORS": "mediapipe_palm, regions"}
    done = qc("check", still, "--rules", "artwork", "--reports", "out", "--json", env=env)
    outcome = json.loads(done.stdout)
    assert outcome["kind"] == "artwork", done.stderr
    meta = read_meta(tmp_path / outcome["report"])
    used = [engine["name"] for engine in meta["provenance"]["engines"]]
    assert used[:3] == ["motion_blur", "mediapipe_palm", "regions"]
    assert len(read_frames(tmp_path / outcome["report"])) == 1


def test_an_engine_that_is_not_there_ends_with_2_and_names_those_that_are(qc, still, tmp_path):
    env = os.environ | {"QC_ENGINES_DIR": str(tmp_path), "QC_DETECTORS": "mediapipe_hand,regions"}
    done = qc("check", still, "--reports", "out", env=env)
    assert done.returncode == 2
    assert "engine 'mediapipe_hand': not found; known engines: deblur, motion_blur, regions" in done.stderr
    assert "Traceback" not in done.stderr


def test_detectors_and_their_thresholds_are_part_of_the_keys(tmp_path):
    folder = shutil.copytree(engines_folder() / "regions", tmp_path / "mine")

    def key(detectors):
        config = RunConfig(rules="artwork", detectors=detectors)
        return keys_for(config, "ab" * 32, rules_of(config)).measure

    keys = {key("regions"), key(str(folder))}
    contract = yaml.safe_load((folder / "engine.yaml").read_text())
    contract["params"]["thresholds"]["face"] = 0.6
    (folder / "engine.yaml").write_text(yaml.safe_dump(contract))
    keys.add(key(str(folder)))
    assert len(keys) == 3
    assert key("regions") in keys
