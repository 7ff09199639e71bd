"""Rules kept: judged on a schedule, what they come to noted in the store, and whoever is to know told.

Time is cut into slots of a rule's `every`, shifted by its name so that rules do not come all at once. A slot is claimed
first (store/rule_notes.py), so that of several servers over the same tables one judges; what it judges from and what it
leaves is in the store, so that a restart forgets nothing and tells nothing twice. A notification that cannot be
delivered within its slot is due again in the next: so there is no queue, and nothing to lose with the process.
"""

import asyncio
import contextlib
import logging
import time
import zlib
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

from spanhouse_backend.alerts.courier import Courier
from spanhouse_backend.alerts.messages import Body, alert_body, report_body
from spanhouse_backend.alerts.reports import Report
from spanhouse_backend.alerts.rule_file import RuleFile
from spanhouse_backend.alerts.rules import Answered, Asked, Rule
from spanhouse_backend.alerts.standing import advanced, due, noted, told, without_strangers
from spanhouse_backend.alerts.webhook import Webhook
from spanhouse_backend.errors import QuestionTooSlow, SpanhouseError, StoreError
from spanhouse_backend.query.reader import Reader
from spanhouse_backend.query.times import iso_time
from spanhouse_backend.query.wire import document
from spanhouse_backend.store.rule_notes import RuleNote, RuleNotes
from spanhouse_backend.watcher import Watcher

logger = logging.getLogger(__name__)

REPORT_SECONDS = 60
"""How often it is looked whether a report is due, and tried again to deliver one."""
STOP_SECONDS = 5.0
"""How long what is being delivered may take when the server stops."""
_LOOK_SECONDS = 0.5
# Of a slot, for judging and telling: the rest is for noting, so that the next slot finds what this one did.
_SHARE_OF_SLOT = 0.8
_MOST_SECONDS = 60.0
# What is left of a slot when a server starts may be too little to judge in; the next one is whole.
_LEAST_SECONDS, _LEAST_SHARE = 5.0, 0.25


class Current(Protocol):
    """The rules in force, replaced as a whole when their file changes."""

    @property
    def current(self) -> RuleFile:
        """What is in force."""


class _Job(NamedTuple):
    """Something to be done once in each slot of `every` seconds, in the seconds that it is given."""

    name: str
    every: int
    do: Callable[[float], Coroutine[Any, Any, None]]


class Keeper:
    """Keeps the rules of `file` until it is closed; for one event loop.

    Each rule has a task of its own, which waits for its slot, the store, the reader or a webhook, all of them bounded
    in time. `_asking` is held while one question is asked, which waits for none of the tasks: so nothing deadlocks, and
    rules never have more than one question running, whatever their number, so that people and spans come first.
    """

    def __init__(
        self, file: Current, reader: Reader, notes: RuleNotes, courier: Courier, watcher: Watcher | None = None
    ) -> None:
        self._file = file
        self._reader = reader
        self._notes = notes
        self._courier = courier
        self._watcher = watcher or Watcher()
        self._holder = uuid4().hex
        self._asking = asyncio.Semaphore(1)
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins, in the background."""
        self._task = asyncio.create_task(self._keep(), name="rules")

    async def close(self) -> None:
        """Begins nothing any more, lets what is under way end for STOP_SECONDS, and stops it then."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=STOP_SECONDS)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._keep_until_changed(self._file.current)
            except Exception:
                # A bug of ours. Rules that nobody keeps any more look like rules that are all well.
                logger.exception("the rules are begun again")
                await _set_within(self._stopping, _LOOK_SECONDS)

    async def _keep_until_changed(self, rules: RuleFile) -> None:
        await self._register(rules)
        over = asyncio.Event()
        tasks = [asyncio.create_task(self._each_slot(job, over)) for job in self._jobs(rules)]
        try:
            while self._file.current is rules and not await _set_within(self._stopping, _LOOK_SECONDS):
                pass
            # What is under way ends by its deadline, so that nobody is told twice because a file was saved.
            over.set()
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _register(self, rules: RuleFile) -> None:
        """Notes what is in the file and what no longer is, so that it is known before anything is judged."""
        try:
            before = await self._notes.read()
            now = {rule.rule: noted(rule, before.get(rule.rule)) for rule in rules.rules}
            for report in rules.reports:
                now[report.report] = _noted_report(report, before.get(report.report), rules.webhooks_of(report))
            gone = {name: replace(note, gone=True) for name, note in before.items() if name not in now}
            await self._notes.save(*(note for name, note in (now | gone).items() if note != before.get(name)))
        except StoreError as error:
            logger.warning("the rules could not be noted", extra={"problem": str(error)})

    def _jobs(self, rules: RuleFile) -> Iterator[_Job]:
        for rule in rules.rules:
            yield _Job(rule.rule, rule.every, partial(self._judge, rule, rules.webhooks_of(rule)))
        for report in rules.reports:
            yield _Job(report.report, REPORT_SECONDS, partial(self._report, report, rules.webhooks_of(report)))

    async def _each_slot(self, job: _Job, over: asyncio.Event) -> None:
        """Does it once in each slot, this one included, until `over`; a slot that it took too long for is left out."""
        shift, last = zlib.crc32(job.name.encode()) % job.every, 0
        while not over.is_set():
            now = time.time()
            begin = (int(now) - shift) // job.every * job.every + shift
            left = begin + job.every - now
            if begin > last and left >= min(_LEAST_SECONDS, _LEAST_SHARE * job.every):
                last = begin
                try:
                    if await self._notes.claim(job.name, begin, self._holder):
                        await job.do(min(_MOST_SECONDS, _SHARE_OF_SLOT * left))
                except StoreError as error:
                    self._failed(job.name, str(error))
                except Exception:
                    # A bug of ours, and no reason to forget the other rules, or this one's next slot.
                    logger.exception("a rule could not be judged", extra={"rule": job.name})
                    self._watcher.judged("failed")
            await _set_within(over, max(_LOOK_SECONDS, begin + job.every - time.time()))

    async def _judge(self, rule: Rule, webhooks: list[Webhook], seconds: float) -> None:
        until = time.monotonic() + seconds
        before = (await self._notes.read(rule.rule)).get(rule.rule)
        before = without_strangers(noted(rule, before), webhooks)
        try:
            finding = rule.judge(await self._ask(rule.asks(), seconds))
        except SpanhouseError as error:
            self._failed(rule.rule, str(error))
            note = replace(before, problem=str(error))
        else:
            self._watcher.judged(finding.outcome)
            note = advanced(rule, before, finding, time.time_ns())
            if note.state != before.state:
                fields = {"rule": rule.rule, "state": note.state, "before": before.state, "summary": note.summary}
                logger.info("a rule stands otherwise", extra=fields)
        # Before anybody is told: who hears of it finds it here.
        await self._notes.save(note)
        waiting = [webhook for webhook in webhooks if due(rule, note, webhook, time.time_ns())]
        if not waiting:
            return
        bodies = {one.name: alert_body(one.template, rule, note, time.time_ns()) for one in waiting}
        done, problem = await self._tell(rule.rule, waiting, bodies, until)
        note = told(note, done, time.time_ns())
        await self._notes.save(replace(note, problem=problem or note.problem))

    async def _report(self, report: Report, webhooks: list[Webhook], seconds: float) -> None:
        until = time.monotonic() + seconds
        note = (await self._notes.read(report.report)).get(report.report)
        note = _noted_report(report, note, webhooks)
        period = report.period(time.time_ns())
        waiting = [one for one in webhooks if note.told[one.name]["until"] < period.to_ns]
        if not waiting:
            return
        done: list[Webhook] = []
        try:
            answer = await self._ask(report.asks(period), seconds)
        except SpanhouseError as error:
            self._failed(report.report, str(error))
            problem = str(error)
        else:
            bodies = {one.name: report_body(one.template, report, answer) for one in waiting}
            done, problem = await self._tell(report.report, waiting, bodies, until)
            self._watcher.judged("report")
        now_ns = time.time_ns()
        known = {**note.told, **{one.name: {"until": period.to_ns} for one in done}}
        summary = f"of {iso_time(period.from_ns)} until {iso_time(period.to_ns)}"
        note = replace(note, told=known, evaluated_unix_ns=now_ns, summary=summary, problem=problem)
        await self._notes.save(replace(note, told_unix_ns=now_ns) if done else note)

    async def _ask(self, asked: Asked, seconds: float) -> Answered:
        """The answer's document. Raises SpanhouseError, QuestionTooSlow also when others took all the time."""
        try:
            async with asyncio.timeout(seconds), self._asking:
                answer = await self._reader.ask(asked.question.read(asked.texts, time.time_ns()), seconds)
        except TimeoutError as error:
            raise QuestionTooSlow(seconds) from error
        return await asyncio.to_thread(document, answer)

    async def _tell(
        self, name: str, webhooks: list[Webhook], bodies: dict[str, Body], until: float
    ) -> tuple[list[Webhook], str]:
        """Who was told, and what kept the others from it."""
        seconds = max(0.0, until - time.monotonic())
        problems = await asyncio.gather(*(self._courier.deliver(one, bodies[one.name], seconds) for one in webhooks))
        for webhook, problem in zip(webhooks, problems, strict=True):
            self._watcher.told(webhook.name, good=not problem)
            if problem:
                fields = {"webhook": webhook.name, "rule": name, "problem": problem}
                logger.warning("a webhook was not told, and will be again", extra=fields)
        failed = [f"{one.name}: {problem}" for one, problem in zip(webhooks, problems, strict=True) if problem]
        return [one for one, problem in zip(webhooks, problems, strict=True) if not problem], "; ".join(failed)

    def _failed(self, name: str, problem: str) -> None:
        self._watcher.judged("failed")
        logger.warning("a rule could not be judged", extra={"rule": name, "problem": problem})


def _noted_report(report: Report, before: RuleNote | None, webhooks: list[Webhook]) -> RuleNote:
    """The note of a report that is in the file now. Who is new to it is told of the periods that end from now on."""
    said: dict[str, Any] = {"kind": "report", "means": report.means(), "state": "ok", "gone": False}
    note = replace(before or RuleNote(rule=report.report, description="", **said), **said)
    ended = report.period(time.time_ns()).to_ns
    return replace(note, told={one.name: {"until": ended} | dict(note.told.get(one.name, {})) for one in webhooks})


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event is set, waiting for it at most so long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
