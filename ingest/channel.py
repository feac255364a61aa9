"""A queue between two stages that bounds what waits in it by weight, and passes failures on in both directions."""

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Closed(Exception):
    """Nothing more will come."""


class Channel(Generic[Item]):
    """Items in order. Safe for several threads on either end; `producers` of them have to finish."""

    def __init__(self, capacity: int, producers: int = 1) -> None:
        self._capacity = capacity
        self._producers = producers
        self._items: deque[tuple[Item, int]] = deque()
        self._weight = 0
        self._failure: BaseException | None = None
        self._changed = Condition()

    def put(self, item: Item, weight: int) -> None:
        """Add an item, waiting while the others weigh `capacity` or more. Raises the error given to `abort`."""
        with self._changed:
            self._changed.wait_for(lambda: self._weight < self._capacity or self._failure is not None)
            self._check()
            self._items.append((item, weight))
            self._weight += weight
            self._changed.notify_all()

    def take(self, weight: int) -> list[Item]:
        """Return what is there up to `weight`, but one item at least, waiting for it.

        Raises Closed when everything was taken after `finish`, and the error given to `abort`.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._producers == 0 or self._failure is not None)
            self._check()
            if not self._items:
                raise Closed
            taken: list[Item] = []
            total = 0
            while self._items and (not taken or total + self._items[0][1] <= weight):
                item, one = self._items.popleft()
                taken.append(item)
                total += one
            self._weight -= total
            self._changed.notify_all()
            return taken

    def finish(self) -> None:
        """Say, as one of the producers, that nothing more will be put."""
        with self._changed:
            self._producers -= 1
            self._changed.notify_all()

    def abort(self, failure: BaseException) -> None:
        """End both sides: who puts and who takes gets `failure`. The first failure counts."""
        with self._changed:
            self._failure = self._failure or failure
            self._items.clear()
            self._weight = 0
            self._changed.notify_all()

    def check(self) -> None:
        """Raise the error given to `abort`, if any."""
        with self._changed:
            self._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
