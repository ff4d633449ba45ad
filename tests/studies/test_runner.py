"""What a table runs, and what it says of it."""

from __future__ import annotations

import pytest

from studies import RunMaker, TableRunner, ThreadScheduler


@pytest.fixture
def make(table, fake, tmp_path):
    return RunMaker(table, "data", tmp_path / "runs", tmp_path / "results", 1, fake)


def runner(make, jobs=1):
    return TableRunner(make, ThreadScheduler(make, jobs), seconds=0.01)


def test_finished_runs_are_kept_and_failed_ones_named(make, fake, table, capsys):
    runs = table.runs(1)
    fake.failing = "supervised"
    assert runner(make)(runs) == ["a__b__supervised__seed0"]
    assert "0 of 2 runs are done, 2 to go." in capsys.readouterr().out
    assert not make.result_path(runs[1]).exists()

    fake.failing = ""
    fake.commands.clear()
    assert runner(make)(runs) == []
    assert all("supervised" in command["--output_dir"] for command in fake.commands)
    assert "1 of 2 runs are done" in capsys.readouterr().out

    fake.commands.clear()
    assert runner(make)(runs) == []
    assert fake.commands == []


def test_runs_start_in_order(make, fake, table):
    runs = table.runs(2)
    assert runner(make)(runs) == []
    trained = [command["--output_dir"] for command in fake.commands if "--resume" in command]
    assert trained == [str(make.folder(run)) for run in runs]


def test_the_table_of_progress_counts(make, fake, table, capsys):
    fake.failing = "supervised"
    runner(make, jobs=2)(table.runs(1))
    assert "runs: 1 of 2 done, 0 running, 1 failed" in capsys.readouterr().err


class Trouble:
    """Stands in for a scheduler: each of its jobs has an outcome or an error, and it notes that it was stopped."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.stopped = False

    def submit(self, runs):
        return [Done(outcome) for outcome in self.outcomes[: len(runs)]]

    def stop(self):
        self.stopped = True


class Done:
    def __init__(self, outcome):
        self.outcome = outcome

    def done(self):
        if self.outcome is KeyboardInterrupt:
            raise KeyboardInterrupt
        return True

    def result(self):
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


@pytest.mark.parametrize("error", [ValueError("lost\nits disk"), OSError("its disk"), RuntimeError()])
def test_one_runs_trouble_is_not_the_tables(make, table, error, capsys):
    scheduler = Trouble(error, "done")
    assert TableRunner(make, scheduler, seconds=0)(table.runs(1)) == ["a__b__source_only__seed0"]
    said = capsys.readouterr().err
    assert "a__b__source_only__seed0: " + ("its disk" if str(error) else "RuntimeError()") in said
    assert not scheduler.stopped


def test_a_run_that_another_process_makes_is_no_failure(make, table, capsys):
    assert TableRunner(make, Trouble("busy", "done"), seconds=0)(table.runs(1)) == []
    assert "another process is making them: a__b__source_only__seed0" in capsys.readouterr().out


def test_an_interruption_stops_the_runs(make, table):
    scheduler = Trouble(KeyboardInterrupt, "done")
    with pytest.raises(KeyboardInterrupt):
        TableRunner(make, scheduler, seconds=0)(table.runs(1))
    assert scheduler.stopped
