"""One candidate: a seed repeats it, and it never trains on what it is judged by."""

from dataclasses import replace

from scrfd_edge.search.candidate import Candidate, Job, read_data, run_candidate


def test_a_candidate_is_repeated_by_its_seed(job: Job, candidates: list[Candidate]) -> None:
    first, again = (run_candidate(candidates[1], job, "here") for _ in range(2))
    assert replace(first, seconds=0) == replace(again, seconds=0)
    assert first.hard is not None and first.hard > 0 and first.seconds > 0
    assert (first.node, first.epochs, first.error) == ("here", 24, None)
    assert first.parameters == 6781 and sum(first.macs.values()) == 48991800


def test_pictures_to_evaluate_on_are_not_trained_on(job: Job) -> None:
    kept, held = read_data(job.data, job.dev)
    assert [note.path for note in held.notes] == ["0.png", "1.png", "2.png"]
    assert [note.path for note in kept.notes] == [f"{i}.png" for i in range(3, 10)]
