from __future__ import annotations

from threading import Event, Thread

import pytest

from ingest.channel import Channel, Closed


def test_items_come_out_in_order_up_to_the_weight_asked_for() -> None:
    """`take` returns as many items as weigh no more than asked for, and never fewer than one."""
    channel: Channel[str] = Channel(100)
    for name, weight in (("a", 3), ("b", 4), ("c", 50), ("d", 1)):
        channel.put(name, weight)
    assert channel.take(8) == ["a", "b"]
    assert channel.take(8) == ["c"]
    assert channel.take(8) == ["d"]


def test_the_end_comes_after_the_last_producer() -> None:
    """The channel is closed when every producer has finished and everything was taken, not before."""
    channel: Channel[str] = Channel(10, producers=2)
    channel.finish()
    channel.put("late", 1)
    channel.finish()
    assert channel.take(5) == ["late"]
    with pytest.raises(Closed):
        channel.take(5)


def test_putting_waits_while_the_channel_is_full() -> None:
    """No more than the capacity waits, whatever the pace of the producer."""
    channel: Channel[int] = Channel(2)
    passed = Event()

    def produce() -> None:
        for number in range(3):
            channel.put(number, 1)
        passed.set()

    thread = Thread(target=produce)
    thread.start()
    assert not passed.wait(0.05)
    assert channel.take(1) == [0]
    assert passed.wait(10)
    thread.join()


def test_one_item_heavier_than_the_capacity_still_passes() -> None:
    """A document larger than all that may wait is let in when nothing else waits."""
    channel: Channel[str] = Channel(2)
    channel.put("huge", 1000)
    assert channel.take(1) == ["huge"]


def test_a_failure_reaches_both_sides() -> None:
    """After `abort`, putting and taking raise the first failure."""
    channel: Channel[str] = Channel(2)
    channel.put("x", 1)
    channel.abort(OSError("gone"))
    channel.abort(ValueError("later"))
    for act in (lambda: channel.put("y", 1), lambda: channel.take(1), channel.check):
        with pytest.raises(OSError, match="gone"):
            act()
