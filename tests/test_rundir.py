"""The file names of a run sort and parse as the contract says."""

from __future__ import annotations

from pathlib import Path

from arctl.rundir import RunDir, attempt_order, directory_name, number_of, run_name


def test_names_of_a_run() -> None:
    assert run_name(12) == "run12"
    assert directory_name(12) == "run0012"
    assert directory_name(123456) == "run123456"
    assert number_of(Path("runs/run0012")) == 12
    assert number_of(Path("runs/.stage-run0012")) is None
    assert number_of(Path("runs/run12.bak")) is None


def test_attempts_come_in_order_of_job_then_restart(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    for name in ["900.10", "900.9", "1000.0", "77_2.0"]:
        (run_dir.attempts / name).mkdir(parents=True)
    assert [path.name for path in run_dir.attempt_dirs()] == ["77_2.0", "900.9", "900.10", "1000.0"]
    assert attempt_order("900.9") < attempt_order("900.10") < attempt_order("1000.0")


def test_logs_come_in_order_of_job(tmp_path: Path) -> None:
    for name in ["log-100.txt", "log-99.txt", "log-99_10.txt", "log-99_2.txt", "log-x.txt"]:
        (tmp_path / name).touch()
    assert [path.name for path in RunDir(tmp_path).logs()] == [
        "log-99.txt",
        "log-99_2.txt",
        "log-99_10.txt",
        "log-100.txt",
    ]


def test_prediction_files_are_found_by_split_and_epoch(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    run_dir.predictions.mkdir()
    for split, epoch in [("val", 10), ("val", 2), ("test", 1)]:
        run_dir.prediction_file(split, epoch).touch()
    (run_dir.predictions / ".val-0003.npz.tmp").touch()
    found = [(split, epoch) for split, epoch, _ in run_dir.prediction_files()]
    assert found == [("test", 1), ("val", 2), ("val", 10)]


def test_a_directory_without_files_is_empty_not_an_error(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path / "gone")
    assert run_dir.attempt_dirs() == []
    assert run_dir.logs() == []
    assert run_dir.prediction_files() == []
