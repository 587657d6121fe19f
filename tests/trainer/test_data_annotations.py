from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trainer.data_videos import NAMES, write_ucf
from trainer.data.annotations import read_card, read_ucf101
from trainer.errors import DataError


@pytest.fixture(scope="module")
def ucf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ucf(tmp_path_factory.mktemp("data") / "set", frames=3)


@pytest.fixture
def copy(ucf: Path, tmp_path: Path) -> Path:
    """The set again, its videos as hard links."""
    for source in ucf.rglob("*"):
        target = tmp_path / "set" / source.relative_to(ucf)
        if source.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        elif source.suffix == ".avi":
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(source, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    return tmp_path / "set"


def test_reads_classes_samples_and_groups(ucf: Path) -> None:
    found = read_ucf101(ucf)
    assert found.classes == NAMES
    assert [sample.id for sample in found.val] == ["Jump/v_Jump_g01_c01.avi", "Run/v_Run_g01_c01.avi"]
    assert [sample.target for sample in found.val] == [0, 1]
    assert {sample.group for sample in found.train} == {"g02", "g03", "g04"}
    assert all(sample.path.is_file() for sample in (*found.train, *found.val))
    assert found.flip_keeps_labels, "UCF101 itself may be mirrored"
    assert found.warnings == ()
    assert found.root == ucf


@pytest.mark.parametrize(
    ("videos", "lists"), [("UCF-101", "ucfTrainTestlist"), ("UCF-101", "."), (".", "ucfTrainTestlist")]
)
def test_finds_the_official_folders(tmp_path: Path, videos: str, lists: str) -> None:
    found = read_ucf101(write_ucf(tmp_path / "u", groups=2, frames=2, videos=videos, lists=lists))
    assert found.train[0].path == tmp_path / "u" / videos / "Jump/v_Jump_g02_c01.avi"


def test_crlf_bom_and_blank_lines_do_no_harm(copy: Path) -> None:
    for name in ("classInd.txt", "trainlist01.txt", "testlist01.txt"):
        text = (copy / name).read_text()
        (copy / name).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n\r\n").encode())
    assert len(read_ucf101(copy).train) == 6


def test_case_on_disk_may_differ_from_the_lists(copy: Path) -> None:
    """UCF101 says HandstandPushups in one place and HandStandPushups in another."""
    (copy / "Jump").rename(copy / "JumP")
    (copy / "JumP/v_Jump_g02_c01.avi").rename(copy / "JumP/v_JuMp_g02_c01.avi")
    found = read_ucf101(copy)
    assert found.train[0].path == copy / "JumP/v_JuMp_g02_c01.avi"
    assert found.train[0].id == "Jump/v_Jump_g02_c01.avi"
    assert found.train[0].path.is_file()


@pytest.mark.parametrize(
    ("file", "text", "place", "says"),
    [
        ("classInd.txt", "", "classInd.txt:", "names no class"),
        ("classInd.txt", "1 Jump\n3 Run\n", "classInd.txt:2:", "class number 3 after 1"),
        ("classInd.txt", "1 Jump\n2 Jump\n", "classInd.txt:2:", "twice"),
        ("classInd.txt", "Jump\nRun\n", "classInd.txt:1:", "NUMBER CLASS"),
        ("trainlist01.txt", "Jump/v_Jump_g02_c01.avi 0\n", "trainlist01.txt:1:", "label 0 is not in 1..2"),
        ("trainlist01.txt", "\nJump/v_Jump_g02_c01.avi 3\n", "trainlist01.txt:2:", "label 3 is not in 1..2"),
        ("trainlist01.txt", "Jump/v_Jump_g02_c01.avi two\n", "trainlist01.txt:1:", "VIDEO LABEL"),
        ("trainlist01.txt", "Jump/v_Jump_g02_c01.avi\n", "trainlist01.txt:1:", "VIDEO LABEL"),
        ("trainlist01.txt", "Jump/v_Jump_g02_c01.avi 2\n", "trainlist01.txt:1:", "label 2 is Run"),
        ("trainlist01.txt", "Swim/v_Swim_g02_c01.avi 1\n", "trainlist01.txt:1:", "class 'Swim' is not in classInd.txt"),
        ("trainlist01.txt", "../v_Jump_g02_c01.avi 1\n", "trainlist01.txt:1:", "no CLASS/VIDEO"),
        ("trainlist01.txt", "/etc/passwd 1\n", "trainlist01.txt:1:", "no CLASS/VIDEO"),
        ("trainlist01.txt", "Run/v_Run_g02_c01.avi 2\n" * 2, "trainlist01.txt:2:", "stands at"),
        ("trainlist01.txt", "Run/v_Run_g01_c01.avi 2\n", "testlist01.txt:2:", "trainlist01.txt:1 already"),
        ("trainlist01.txt", "Run/v_Run_g88_c01.avi 2\n", "trainlist01.txt:1:", "1 of 3 listed videos are missing"),
        ("testlist01.txt", "\n", "testlist01.txt:", "names no video"),
        ("dataset.yaml", "format: kinetics\n", "dataset.yaml:", "unknown format 'kinetics'"),
        ("dataset.yaml", "a: [\n", "dataset.yaml:", "cannot be read"),
        ("dataset.yaml", "[]\n", "dataset.yaml:", "no mapping"),
        ("dataset.yaml", "flip_keeps_labels: perhaps\n", "dataset.yaml:", "neither true nor false"),
    ],
)
def test_a_wrong_list_is_named_with_its_line(copy: Path, file: str, text: str, place: str, says: str) -> None:
    (copy / file).write_text(text)
    with pytest.raises(DataError) as caught:
        read_ucf101(copy)
    message = str(caught.value)
    assert place in message
    assert says in message
    assert caught.value.cure
    assert "\n" not in message


def test_a_list_that_is_no_text_is_named(copy: Path) -> None:
    (copy / "trainlist01.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"trainlist01.txt: is no text"):
        read_ucf101(copy)


def test_missing_lists_are_told_from_a_missing_one(copy: Path) -> None:
    with pytest.raises(DataError, match=r"trainlist02.txt is missing"):
        read_ucf101(copy, split=2)
    for path in copy.glob("*.txt"):
        path.unlink()
    with pytest.raises(DataError, match=r"no classInd.txt, trainlist01.txt, testlist01.txt here"):
        read_ucf101(copy)
    with pytest.raises(DataError, match=r"no such directory"):
        read_ucf101(copy / "elsewhere")


def test_a_missing_data_set_is_told_from_missing_videos(copy: Path) -> None:
    (copy / "Jump/v_Jump_g02_c01.avi").unlink()
    (copy / "Run/v_Run_g03_c01.avi").unlink()
    with pytest.raises(DataError, match=r"trainlist01.txt:1: 2 of 8 listed videos are missing, first Jump/v_Jump_g02"):
        read_ucf101(copy)
    for path in copy.rglob("*.avi"):
        path.unlink()
    with pytest.raises(DataError, match=r"none of the 8 listed videos is there, first Jump/v_Jump_g02_c01.avi"):
        read_ucf101(copy)


def test_groups_in_both_lists_are_a_warning(copy: Path) -> None:
    (copy / "Run/v_Run_g02_c01.avi").rename(copy / "Run/v_Run_g01_c02.avi")
    lines = (copy / "trainlist01.txt").read_text().replace("Run/v_Run_g02_c01.avi", "Run/v_Run_g01_c02.avi")
    (copy / "trainlist01.txt").write_text(lines)
    (warning,) = read_ucf101(copy).warnings
    assert "1 groups, first Run g01" in warning


def test_the_card_says_whether_a_mirror_keeps_the_labels(copy: Path) -> None:
    (copy / "dataset.yaml").write_text("name: motions\nflip_keeps_labels: false\n")
    assert read_card(copy) == {"name": "motions", "format": "ucf101", "flip_keeps_labels": False}
    assert not read_ucf101(copy).flip_keeps_labels


def test_annotations_need_no_torch() -> None:
    script = "import sys, trainer.data.annotations, trainer.data.synth; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
