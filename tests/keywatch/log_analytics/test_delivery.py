"""Delivery: every record accepted at least once, and once only where nobody lost an answer."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keywatch.errors import (
    AuthorizationRefusedError,
    PermanentError,
    ServiceUnavailableError,
    StagingGoneError,
    StagingUnavailableError,
    SupersededError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from keywatch.log_analytics.chunk import Rejected
from keywatch.log_analytics.delivery import Delivery, deliver
from keywatch.log_analytics.destination import Destination, Sent
from keywatch.log_analytics.receipts import ReceiptBook
from keywatch.staging import encode, line_writer
from tests.keywatch.fakes import MemoryDestination, MortalDestination


def stage(path: Path, sizes: list[int]) -> list[bytes]:
    """Stage numbered records with so many bytes of payload each."""
    records = [encode({"n": number, "x": "é" * (size // 2)}) for number, size in enumerate(sizes)]
    with line_writer(path) as writer:
        for record in records:
            writer.write(record)
    return records


class Post:
    """A staged file with its receipts, and what was rejected of it."""

    def __init__(self, folder: Path, sizes: list[int]) -> None:
        self.path = folder / "records.ndjson"
        self.receipts = folder / "receipts"
        self.records = stage(self.path, sizes)
        self.rejected: list[int] = []

    def deliver(self, destination: Destination, limit: int | None = None, in_flight: int = 4) -> Delivery:
        """Make one attempt."""

        def reject(rejected: Rejected) -> None:
            assert rejected.record == self.records[rejected.index]
            self.rejected.append(rejected.index)

        book = ReceiptBook(self.receipts)
        return deliver(self.path, book, destination, reject=reject, limit=limit, in_flight=in_flight)


def numbers(body: bytes) -> list[int]:
    """Give the numbers of a body's records."""
    return [record["n"] for record in json.loads(body)]


@dataclass(frozen=True)
class Attempt:
    """One attempt, and what becomes of it.

    Attributes:
        limit: The chunk limit.
        in_flight: Chunks at the same time.
        sends: Bodies accepted before the process dies.
        stored: Whether the body at which it dies is stored.
        accepts: The most bytes that the service really accepts.
        loses: Which of the receipts so far is lost, if any.
    """

    limit: int
    in_flight: int
    sends: int
    stored: bool
    accepts: int | None
    loses: int | None


ATTEMPTS = st.lists(
    st.builds(
        Attempt,
        limit=st.integers(40, 600),
        in_flight=st.integers(1, 4),
        sends=st.integers(0, 6),
        stored=st.booleans(),
        accepts=st.none() | st.integers(30, 400),
        loses=st.none() | st.integers(0, 100),
    ),
    max_size=5,
)


def lose_receipt(folder: Path, which: int) -> set[int]:
    """Lose one receipt, and give the records that it was for."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    if not files:
        return set()
    file = files[which % len(files)]
    file.unlink()
    first, count, *_ = file.name.split("-")
    return set(range(int(first), int(first) + int(count)))


@settings(max_examples=150, deadline=None)
@given(sizes=st.lists(st.integers(0, 120), max_size=40), attempts=ATTEMPTS, last_limit=st.integers(40, 600))
def test_delivery_over_any_attempts(sizes: list[int], attempts: list[Attempt], last_limit: int) -> None:
    """Whatever kills the attempts, every record is accepted or rejected in the end, and twice only after a loss."""
    accepted: Counter[int] = Counter()
    excused: set[int] = set()
    lost: set[int] = set()
    with tempfile.TemporaryDirectory() as folder:
        post = Post(Path(folder), sizes)
        for each in attempts:
            destination = MortalDestination(each.limit, each.sends, stored=each.stored, accepts=each.accepts)
            try:
                post.deliver(destination, in_flight=each.in_flight)
            except UnreachableError:
                assert destination.calls or not each.sends
            accepted.update(number for body in destination.bodies for number in numbers(body))
            excused.update(number for body in destination.unanswered for number in numbers(body))
            if each.loses is not None:
                lost |= lose_receipt(post.receipts, each.loses)

        before = set(accepted)
        post.rejected.clear()
        last = MemoryDestination(last_limit)
        done = post.deliver(last)
        accepted.update(number for body in last.bodies for number in numbers(body))

    everything = set(range(len(sizes)))
    assert set(accepted) | set(post.rejected) == everything
    twice = {number for number, count in accepted.items() if count > 1}
    assert twice <= excused | lost
    assert len(twice - lost) <= done.perhaps_twice <= len(excused | lost)
    assert all(len(post.records[number]) + 2 > last_limit for number in post.rejected)
    assert done.accepted == len(last.records)
    assert done.accepted + done.accepted_before + done.rejected == len(everything)
    assert done.accepted_before <= len(before)
    assert all(len(body) <= last_limit for body in last.bodies)


def test_delivery_of_a_whole_file(tmp_path: Path) -> None:
    """An undisturbed delivery sends every record once, and counts what it did."""
    post = Post(tmp_path, [10] * 25)
    destination = MemoryDestination(100)

    done = post.deliver(destination)

    assert sorted(number for body in destination.bodies for number in numbers(body)) == list(range(25))
    assert done == Delivery(
        accepted=25,
        chunks=len(destination.bodies),
        sent_bytes=sum(map(len, destination.bodies)),
        largest=max(map(len, destination.bodies)),
    )


def test_delivery_of_an_empty_file_sends_nothing(tmp_path: Path) -> None:
    """Where there is no record, no request is made."""
    destination = MemoryDestination()

    assert Post(tmp_path, []).deliver(destination) == Delivery()
    assert destination.calls == 0


def test_delivery_of_a_delivered_file_sends_nothing(tmp_path: Path) -> None:
    """A second attempt after a complete first, with another limit, sends nothing."""
    post = Post(tmp_path, [10] * 25)
    post.deliver(MemoryDestination(100))
    destination = MemoryDestination(1_000)

    assert post.deliver(destination) == Delivery(accepted_before=25)
    assert destination.calls == 0


def test_delivery_of_an_altered_file_sends_what_changed(tmp_path: Path) -> None:
    """Receipts lapse with the bytes they were made of."""
    post = Post(tmp_path, [10] * 4)
    post.deliver(MemoryDestination(2 + len(post.records[0])))
    post.records = stage(post.path, [10, 10, 20, 10])
    destination = MemoryDestination()

    post.deliver(destination)

    assert [numbers(body) for body in destination.bodies] == [[2]]


def test_delivery_of_a_file_that_is_gone_says_so(tmp_path: Path) -> None:
    """Staging that was cleaned up too early is a permanent error."""
    post = Post(tmp_path, [10])
    post.path.unlink()

    with pytest.raises(StagingGoneError):
        post.deliver(MemoryDestination())


@pytest.mark.parametrize(("limit", "largest"), [(None, 200), (100, 100), (10_000, 200)])
def test_delivery_keeps_to_the_smaller_limit(limit: int | None, largest: int, tmp_path: Path) -> None:
    """A chunk is no larger than the destination allows, and no larger than asked for."""
    destination = MemoryDestination(200)

    Post(tmp_path, [10] * 40).deliver(destination, limit=limit)

    assert largest - 30 < max(map(len, destination.bodies)) <= largest


def test_delivery_halves_what_is_too_large(tmp_path: Path) -> None:
    """A chunk that the service finds too large goes out in halves, and each half has its receipt."""
    post = Post(tmp_path, [10] * 8)
    destination = MemoryDestination(10_000, accepts=60)

    done = post.deliver(destination)

    assert sorted(map(numbers, destination.bodies)) == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert [(each.first, each.count) for each in ReceiptBook(post.receipts).read()] == [(0, 2), (2, 2), (4, 2), (6, 2)]
    assert (done.accepted, done.chunks, done.rejected) == (8, 4, 0)


def test_delivery_keeps_the_first_half_when_the_second_fails(tmp_path: Path) -> None:
    """A half that was accepted is not sent again."""
    post = Post(tmp_path, [10] * 4)
    with pytest.raises(UnreachableError):
        post.deliver(MortalDestination(10_000, 1, stored=False, accepts=60))
    destination = MemoryDestination()

    done = post.deliver(destination)

    assert [numbers(body) for body in destination.bodies] == [[2, 3]]
    assert done.accepted_before == 2


def test_delivery_rejects_a_record_that_is_too_large_alone(tmp_path: Path) -> None:
    """A record that the service does not take even alone is rejected, with the service's reason; the rest goes out."""
    post = Post(tmp_path, [10, 10, 100, 10])
    destination = MemoryDestination(10_000, accepts=70)

    done = post.deliver(destination)

    assert post.rejected == [2]
    assert sorted(number for body in destination.bodies for number in numbers(body)) == [0, 1, 3]
    assert (done.accepted, done.rejected) == (3, 1)


def test_delivery_rejects_a_record_over_the_limit_without_sending_it(tmp_path: Path) -> None:
    """A record over the limit is rejected in every attempt, and never sent."""
    post = Post(tmp_path, [10, 500, 10])
    destination = MemoryDestination(100)

    first, second = post.deliver(destination), post.deliver(destination)

    assert post.rejected == [1, 1]
    assert (first.accepted, first.rejected) == (2, 1)
    assert (second.accepted, second.accepted_before, second.rejected) == (0, 2, 1)
    assert sorted(number for body in destination.bodies for number in numbers(body)) == [0, 2]


@pytest.mark.parametrize("in_flight", [1, 2, 5])
def test_delivery_keeps_so_many_in_flight(in_flight: int, tmp_path: Path) -> None:
    """As many chunks as allowed are under way at a time, and no more."""
    destination = MemoryDestination(40, seconds=0.01)

    Post(tmp_path, [10] * 20).deliver(destination, in_flight=in_flight)

    assert destination.busiest == in_flight


@pytest.mark.parametrize("in_flight", [1, 3])
def test_delivery_ends_at_the_first_error(in_flight: int, tmp_path: Path) -> None:
    """An error stops further chunks; those in flight are waited for, and keep their receipts."""
    post = Post(tmp_path, [10] * 20)
    destination = MemoryDestination(40, errors=[None, ServiceUnavailableError("down")], seconds=0.01)

    with pytest.raises(ServiceUnavailableError):
        post.deliver(destination, in_flight=in_flight)

    assert destination.calls <= 2 * in_flight
    assert len(ReceiptBook(post.receipts).read()) == len(destination.bodies) < 20


@pytest.mark.parametrize("order", [0, 1])
def test_delivery_raises_what_no_retry_can_help_first(order: int, tmp_path: Path) -> None:
    """Of several errors at once, the permanent one is raised, so that Airflow does not try again in vain."""
    errors: list[Exception] = [ThrottledError("slow down"), AuthorizationRefusedError("no")]
    destination = MemoryDestination(40, errors=errors[::-1] if order else errors, seconds=0.05)

    with pytest.raises(PermanentError):
        Post(tmp_path, [10, 10]).deliver(destination, in_flight=4)

    assert destination.calls == 2


def test_delivery_whose_receipt_cannot_be_written_fails(tmp_path: Path) -> None:
    """Without its receipt a chunk is not done: the attempt fails, and the next sends it again."""
    post = Post(tmp_path, [10])

    class Vandal(MemoryDestination):
        """Puts a file where the receipts' folder was."""

        def send(self, body: bytes) -> Sent:
            shutil.rmtree(post.receipts)
            post.receipts.touch()
            return super().send(body)

    with pytest.raises(StagingUnavailableError, match="Not a directory"):
        post.deliver(Vandal())
    post.receipts.unlink()
    destination = MemoryDestination()

    assert post.deliver(destination).accepted == 1


class Forgetful(MemoryDestination):
    """Accepts at the second attempt."""

    def send(self, body: bytes) -> Sent:
        """Accept, and say that the first answer was lost."""
        super().send(body)
        return Sent(attempts=2, perhaps_twice=True)


def test_delivery_counts_what_is_perhaps_there_twice(tmp_path: Path) -> None:
    """Records of chunks whose first answer was lost are counted."""
    done = Post(tmp_path, [10] * 7).deliver(Forgetful())

    assert (done.accepted, done.perhaps_twice) == (7, 7)


def test_delivery_counts_what_an_earlier_attempt_may_have_stored(tmp_path: Path) -> None:
    """Records whose answer was lost to the end of an attempt are counted by the attempt that sends them again."""
    post = Post(tmp_path, [10] * 6)
    with pytest.raises(UnreachableError):
        post.deliver(MortalDestination(60, 1, stored=True), in_flight=1)

    done = post.deliver(MemoryDestination(60), in_flight=1)

    assert (done.accepted_before, done.accepted, done.perhaps_twice) == (2, 4, 2)


def test_delivery_counts_what_may_be_stored_of_a_file_that_changed_since(tmp_path: Path) -> None:
    """Records that may be stored are counted even if the file has been made anew, with other bytes."""
    post = Post(tmp_path, [10] * 6)
    with pytest.raises(UnreachableError):
        post.deliver(MortalDestination(60, 1, stored=True), in_flight=1)
    changed = Post(tmp_path, [12] * 6)

    done = changed.deliver(MemoryDestination(60), in_flight=1)

    assert (done.accepted_before, done.accepted, done.perhaps_twice) == (0, 6, 4)


class Held(MemoryDestination):
    """Gives no answer before it is told to."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes)
        self.under_way = threading.Semaphore(0)
        self.go_on = threading.Event()

    def send(self, body: bytes) -> Sent:
        """Say that a body has come, and accept it later."""
        self.under_way.release()
        assert self.go_on.wait(30)
        return super().send(body)


@pytest.mark.parametrize("in_flight", [1, 4])
def test_delivery_ends_an_older_attempt_and_counts_what_that_sent(in_flight: int, tmp_path: Path) -> None:
    """An attempt that was given up for dead sends nothing after its successor began but what was under way."""
    post = Post(tmp_path, [10] * 40)
    first, second = Held(60), MemoryDestination(60)

    with ThreadPoolExecutor() as pool:
        dead = pool.submit(post.deliver, first, in_flight=in_flight)
        for _ in range(in_flight):
            first.under_way.acquire()
        done = post.deliver(second)
        first.go_on.set()
        with pytest.raises(SupersededError, match="goes on from here"):
            dead.result()

    assert done.accepted == 40
    assert len(first.records) == done.perhaps_twice == 2 * in_flight


def test_delivery_that_is_done_again_counts_what_an_older_attempt_sent_beside_it(tmp_path: Path) -> None:
    """What two attempts have stored stays counted once both have their receipts."""
    post = Post(tmp_path, [10] * 6)

    class Overtaken(MemoryDestination):
        """Lets another attempt deliver everything while its own body is under way."""

        def send(self, body: bytes) -> Sent:
            """Accept, after the other has."""
            post.deliver(MemoryDestination(60), in_flight=1)
            return super().send(body)

    with pytest.raises(SupersededError):
        post.deliver(Overtaken(60), in_flight=1)

    assert post.deliver(MemoryDestination(60)).perhaps_twice == 2


def test_delivery_does_not_count_what_was_refused(tmp_path: Path) -> None:
    """Records that were refused before they were accepted are not counted as perhaps there twice."""
    post = Post(tmp_path, [10] * 6)
    with pytest.raises(ThrottledError):
        post.deliver(MemoryDestination(60, errors=[ThrottledError("slow down")]), in_flight=1)

    assert post.deliver(MemoryDestination(60)).perhaps_twice == 0


def test_delivery_holds_a_bounded_number_of_chunks(tmp_path: Path) -> None:
    """While nothing is answered, the file is read no further than the chunks in flight."""
    seen: list[int] = []

    class Watching(MemoryDestination):
        """Fails as soon as it is asked, having seen how much was packed."""

        def send(self, body: bytes) -> Sent:
            seen.append(max(numbers(body)))
            raise UnreachableError("away")

    with pytest.raises(TransientError):
        Post(tmp_path, [10] * 1_000).deliver(Watching(40), in_flight=3)

    assert max(seen) <= 3 * 2
