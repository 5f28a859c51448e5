"""A function in a worker thread that asks the event loop for what it reads.

What it asks for runs in the caller's own task, so that cancelling the caller stops a query as anywhere else; the
function is then told `Stopped` by its next question, and the caller leaves once it has ended. (What anyio's
`from_thread.run` starts is cancelled in a task of its own, and its thread may wait for ever.)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
from anyio import CapacityLimiter, from_thread, to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

T = TypeVar("T")

_THREADS = CapacityLimiter(4)
"""Threads that compute, apart from those that they wait for."""


class Stopped(Exception):
    """Nobody waits for the function any more."""


@dataclass(frozen=True, slots=True)
class _Question:
    ask: Callable[[], Awaitable[Any]]
    answer: Future[Any]


class Asking:
    """What the function asks with, from its thread."""

    def __init__(self, questions: MemoryObjectSendStream[_Question]) -> None:
        self._questions = questions

    def __call__(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What an asynchronous function gives in the event loop, or raises. Raises Stopped."""
        question = _Question(ask, Future())
        from_thread.run_sync(self._questions.send_nowait, question)
        answer: T = question.answer.result()
        return answer


async def in_thread(function: Callable[[Asking], T]) -> T:
    """The function's result, or what it raises."""
    send, receive = anyio.create_memory_object_stream[_Question](1)
    outcome: Future[T] = Future()

    def work() -> None:
        try:
            outcome.set_result(function(Asking(send)))
        except BaseException as error:
            outcome.set_exception(error)
        finally:
            from_thread.run_sync(send.close)

    async with receive, anyio.create_task_group() as tasks:
        tasks.start_soon(_run, work, send)
        try:
            async for question in receive:
                await _answer(question)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await _refuse(receive)
            raise
    return outcome.result()


async def _run(work: Callable[[], None], send: MemoryObjectSendStream[_Question]) -> None:
    with send:  # also where it is cancelled before the thread has begun
        await to_thread.run_sync(work, limiter=_THREADS)


async def _answer(question: _Question) -> None:
    try:
        question.answer.set_result(await question.ask())
    except Exception as error:
        question.answer.set_exception(error)
    except anyio.get_cancelled_exc_class():
        question.answer.set_exception(Stopped())
        raise


async def _refuse(questions: MemoryObjectReceiveStream[_Question]) -> None:
    async for question in questions:
        question.answer.set_exception(Stopped())
