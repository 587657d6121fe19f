"""A data set of two videos that the checks before a submission accept; nobody decodes them."""

from __future__ import annotations

from pathlib import Path


def two_videos(data: Path) -> None:
    """Make one training and one test video, each of its own class, in the layout of UCF101."""
    for video in ("Left/v_Left_g01_c01.avi", "Right/v_Right_g02_c01.avi"):
        (data / video).parent.mkdir(parents=True)
        (data / video).touch()
    (data / "classInd.txt").write_text("1 Left\n2 Right\n")
    (data / "trainlist01.txt").write_text("Left/v_Left_g01_c01.avi 1\n")
    (data / "testlist01.txt").write_text("Right/v_Right_g02_c01.avi\n")
