/**
 * `Actor` runs one aggregate: a fiber that recovers the state, takes the commands that wait, decides one after the other
 * on the running state, appends what they decided in one request, and answers them after it is stored.
 *
 * What follows from the store's answer:
 *
 * - stored: the running state becomes the committed one, and the callers get their answers;
 * - some were stored before: those get the stored answers, the others are decided again;
 * - another writer was first: the missing events are read and the commands decided again, a few times;
 * - unavailable: nothing happened, the callers are told, and the state is still the committed one;
 * - outcome unknown, or a defect of user code: the state is dropped and loaded again before the next command.
 *
 * Nothing of a batch is answered before its append ended, refusals included: each answer holds of what is stored.
 *
 * Last of the four rooms of an actor. What waits is in `Mailbox.ts`, what a batch decides in `Decisions.ts`, and how a state is
 * loaded in `Recovery.ts`. `ActorSystemLocal.ts` starts actors and lets them go.
 */
import { Array as Arr, Cause, Duration, Effect, Either, Exit, type Fiber, LogLevel, Option } from "effect"
import type { ActorLimits } from "./ActorConfig.ts"
import { DecisionTimedOut, MailboxFull, type RecoveryFailed, type RuntimeError, ShuttingDown } from "./ActorError.ts"
import * as ActorMetrics from "./ActorMetrics.ts"
import type { Answer } from "./ActorSystem.ts"
import * as Backoff from "./Backoff.ts"
import { type Decided, Decisions, interrupted } from "./Decisions.ts"
import type { AnyDefinition, Committed, Place } from "./Definition.ts"
import type { AppendError, AppendResult, EventStore, QueuePlace, StoredCommand } from "./EventStore.ts"
import * as Fault from "./Fault.ts"
import { Mailbox, type Pending, type Reader } from "./Mailbox.ts"
import type { Permits } from "./Permits.ts"
import { Recovery } from "./Recovery.ts"
import type { SnapshotSaver } from "./SnapshotSaver.ts"
import type { SnapshotStore } from "./SnapshotStore.ts"
import { OutcomeUnknown, StoreUnavailable, type VersionConflict } from "./StoreError.ts"
import type { StreamId } from "./StreamId.ts"

/** Something that waits, and is told the time now and then. */
export interface Watched {
  readonly streamId: StreamId
  /** Gives up what takes too long. What it returns is reported: what of the actor that was. */
  readonly expire: (now: number) => "append" | "decision" | undefined
}

/** What an actor needs of its system, shared by all actors. */
export interface Host {
  readonly limits: ActorLimits
  readonly store: EventStore["Type"]
  readonly snapshots: SnapshotStore["Type"]
  readonly saver: SnapshotSaver
  readonly recoveries: Permits
  /** Milliseconds since 1970-01-01 UTC, by a clock that may be set back: for what decisions are told. */
  readonly now: () => number
  /** Milliseconds by a clock that only goes forward: for all that waits. */
  readonly elapsed: () => number
  /** Starts a fiber from the system's own runtime, never from a caller's context. */
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.RuntimeFiber<A, E>
  /** Nothing waits. The system may stop the actor at once. */
  readonly becameIdle: (actor: Actor) => void
  readonly becameBusy: (actor: Actor) => void
  /** Gives the actor's place to one that waits for a place, if any does; the actor waits for its next one. */
  readonly yieldPlace: (actor: Actor) => boolean
  /** Those that wait for the store, or for the effect of a decision. */
  readonly watched: Set<Watched>
  readonly accepted: () => void
  /** One of the accepted commands was answered. */
  readonly answered: () => void
}

const isDefect = ({ result }: Decided): boolean => result === "defect"

export class Actor implements Watched {
  readonly definition: AnyDefinition
  readonly id: string
  readonly streamId: StreamId
  /** Milliseconds of `Host.elapsed`, as every time here: when it last had nothing left to do. */
  idleSince = 0
  /** Others have waited for a place: it gives up its own before the next batch. */
  mustYield = false
  private readonly host: Host
  private readonly counters: ActorMetrics.CommandCounters
  private readonly mailbox = new Mailbox()
  private readonly recovery: Recovery
  private committed: Committed<unknown> | undefined
  private wake: (() => void) | undefined
  private fiber: Fiber.RuntimeFiber<void> | undefined
  /** Which fiber is the actor's: one that was given up finds another number here and ends. */
  private epoch = 0
  /** The command whose decision is an effect that has not ended. */
  private deciding: Pending | undefined
  /** When the append or the effect began. */
  private busySince = 0
  /** Where the append waits for its turn. */
  private place: QueuePlace | undefined

  constructor(host: Host, definition: AnyDefinition, id: string, streamId: StreamId) {
    this.host = host
    this.counters = ActorMetrics.countersOf(definition.name)
    this.definition = definition
    this.id = id
    this.streamId = streamId
    this.recovery = new Recovery(host, definition, streamId)
  }

  /** Commands that it accepted and has not answered. */
  get accepted(): number {
    return this.mailbox.accepted
  }

  start(): void {
    const epoch = this.epoch
    // Plain effects wherever every command passes: the steps of a generator would cost more than a decision.
    const life = Effect.whileLoop({
      while: () => this.epoch === epoch,
      body: () => this.step(epoch),
      step: () => {}
    })
    this.fiber = this.host.fork(life)
    // Not a handler of the life's own: user code that interrupts the fiber it runs in would interrupt that too.
    this.fiber.addObserver((exit) => {
      const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
      if (this.epoch === epoch) this.host.fork(Effect.gen(this, () => this.crash(epoch, cause)))
    })
  }

  /** Accepts a command; the caller has checked that there is room. */
  offer(pending: Pending): void {
    const { failure } = this.recovery
    if (failure !== undefined) {
      this.counters.count(pending.ask.command, "error")
      pending.resume(failure)
      return
    }
    this.mailbox.add(pending)
    this.host.accepted()
    this.awake()
  }

  /** Gives the committed state, once it is there. */
  read(reader: Reader): void {
    const { failure } = this.recovery
    if (failure !== undefined) reader(failure)
    else if (this.committed !== undefined) reader(Effect.succeed(this.committed))
    else if (this.mailbox.readerCount >= this.host.limits.mailboxCapacity) {
      reader(new MailboxFull({ streamId: this.streamId, capacity: this.host.limits.mailboxCapacity }))
    } else {
      this.mailbox.addReader(reader)
      this.awake()
    }
  }

  /** Whether it has a place. */
  get isLive(): boolean {
    return this.fiber !== undefined
  }

  /** Takes over what a reader found of the store, or that it found another stream, unless it has moved on itself. */
  advance(from: Committed<unknown>, to: Committed<unknown> | undefined): void {
    if (this.committed === from && this.mailbox.inFlight.length === 0) this.committed = to
  }

  /** Leaves memory, but for what waits. Only between two batches. */
  passivate(): void {
    const { committed, host, recovery } = this
    const news = (committed?.version ?? 0) - recovery.snapshotVersion
    if (committed !== undefined && news > 0 && news >= host.limits.snapshotMinEvents) {
      host.saver.offer(this.streamId, this.definition, committed)
    }
    this.end()
  }

  /** Gives up an append or a decision that takes too long. */
  expire(now: number): "append" | "decision" | undefined {
    const { appendTimeout, decideTimeout } = this.host.limits
    const isDeciding = this.deciding !== undefined
    if (now - this.busySince < Duration.toMillis(isDeciding ? decideTimeout : appendTimeout)) return undefined
    if (this.deciding !== undefined) {
      const { command } = this.deciding.ask
      const limit = Duration.format(decideTimeout)
      this.skip(this.deciding, "error", new DecisionTimedOut({ streamId: this.streamId, command, limit }))
      return "decision"
    }
    const error = this.withdraw()
      ? new StoreUnavailable({ operation: "append", cause: new Error("the append waited too long for its turn") })
      : new OutcomeUnknown({ cause: new Error("the store did not answer the append") })
    this.end()
    this.answerAll(this.mailbox.takeInFlight(), error)
    this.start()
    return "append"
  }

  /** Ends at once, with whatever waits. */
  abandon(): void {
    const { mailbox } = this
    const stopped = new ShuttingDown()
    const isWithdrawn = this.withdraw()
    this.end()
    const unknown = new OutcomeUnknown({ cause: new Error("the system stopped during the append") })
    this.answerAll(mailbox.takeWaiting(), stopped)
    this.answerAll(mailbox.takeInFlight(), isWithdrawn ? stopped : unknown)
    for (const reader of mailbox.takeReaders()) reader(stopped)
  }

  /** Drops the append that waits for its turn, and gives whether that was in time: then nothing of it is written. */
  private withdraw(): boolean {
    return this.place?.leave?.() === true
  }

  private end(): void {
    this.epoch++
    this.place = undefined
    this.committed = undefined
    this.deciding = undefined
    this.recovery.stop()
    this.host.watched.delete(this)
    this.fiber?.unsafeInterruptAsFork(this.fiber.id())
    this.fiber = undefined
  }

  /** Begins a new life without the command whose decision ended this one; nothing of its batch was stored. */
  private skip(one: Pending, result: "error" | "defect", answer: Effect.Effect<Answer, RuntimeError>): void {
    this.end()
    this.mailbox.putBack(this.mailbox.inFlight.filter((pending) => pending !== one))
    this.counters.count(one.ask.command, result)
    this.resume(one, answer)
    this.start()
  }

  /** The fiber ended by itself: by a defect of this file or of the store, or since user code interrupted it. */
  private *crash(epoch: number, cause: Cause.Cause<never>): Effect.fn.Return<void> {
    yield* this.log("the actor crashed", cause)
    yield* this.recovery.grow()
    if (this.epoch !== epoch) return
    if (this.deciding !== undefined) {
      return this.skip(this.deciding, "defect", Effect.failCause(Cause.isInterrupted(cause) ? interrupted : cause))
    }
    this.end()
    this.answerAll(this.mailbox.takeInFlight(), new OutcomeUnknown({ cause: Cause.squash(cause) }))
    this.start()
  }

  private awake(): void {
    this.host.becameBusy(this)
    const { wake } = this
    this.wake = undefined
    wake?.()
  }

  private log(message: string, cause: Cause.Cause<unknown>, annotations: Record<string, unknown> = {}) {
    return Fault.report(LogLevel.Error, message, { streamId: this.streamId, ...annotations }, cause)
  }

  private resume(pending: Pending, answer: Effect.Effect<Answer, RuntimeError>): void {
    pending.resume(answer)
    this.host.answered()
  }

  /** The same error for all of them, which the mailbox no longer holds. */
  private answerAll(batch: ReadonlyArray<Pending>, error: RuntimeError): void {
    for (const pending of batch) {
      this.counters.count(pending.ask.command, "error")
      this.resume(pending, error)
    }
  }

  /** One step of its life: rests, recovers, or serves a batch. */
  private step(epoch: number): Effect.Effect<void> {
    const { committed, mailbox } = this
    if (!mailbox.hasCommands && mailbox.readerCount === 0) return this.rest()
    if (this.mustYield) {
      this.mustYield = false
      if (this.host.yieldPlace(this)) return Effect.void
    }
    if (committed === undefined) return Effect.gen(this, () => this.recover())
    if (mailbox.readerCount > 0) this.answerReaders(Effect.succeed(committed))
    return mailbox.hasCommands ? this.batch(epoch, committed) : Effect.void
  }

  private rest(): Effect.Effect<void> {
    this.mustYield = false
    this.idleSince = this.host.elapsed()
    this.host.becameIdle(this)
    return Effect.async<void>((resume) => {
      if (this.mailbox.accepted > 0 || this.mailbox.readerCount > 0) resume(Effect.void)
      else this.wake = () => resume(Effect.void)
    })
  }

  private answerReaders(answer: Effect.Effect<Committed<unknown>, RecoveryFailed>): void {
    for (const reader of this.mailbox.takeReaders()) reader(answer)
  }

  /** Loads the state, or answers all that waits that it cannot. */
  private *recover(): Effect.fn.Return<void> {
    const recovered = yield* Effect.gen(this.recovery, this.recovery.recover)
    if (Either.isRight(recovered)) {
      this.committed = recovered.right
      return
    }
    this.answerAll(this.mailbox.takeWaiting(), recovered.left)
    this.answerReaders(recovered.left)
  }

  effectBegan(pending: Pending): void {
    this.deciding = pending
    this.busySince = this.host.elapsed()
    this.host.watched.add(this)
  }

  effectEnded(): void {
    this.host.watched.delete(this)
    this.deciding = undefined
  }

  /** Decides, appends and answers some of the commands that wait. */
  private batch(epoch: number, committed: Committed<unknown>): Effect.Effect<void> {
    const { limits, now } = this.host
    const taken = this.mailbox.take(limits.maxBatch)
    const decisions = new Decisions(this, committed, taken, now(), limits.maxBatchCharacters)
    const rest = decisions.decide()
    return rest === undefined
      ? this.append(epoch, committed, decisions)
      : Effect.flatMap(rest, () => this.append(epoch, committed, decisions))
  }

  private append(epoch: number, committed: Committed<unknown>, decisions: Decisions): Effect.Effect<void> {
    if (this.epoch !== epoch) return Effect.void
    const { host, mailbox, streamId } = this
    const { decided } = decisions
    // What was taken but not decided waits: behind its twin, behind a defect, or since the batch is large enough.
    if (decided.length < mailbox.inFlight.length) mailbox.keep(decided.length)

    this.busySince = host.elapsed()
    host.watched.add(this)
    const place: QueuePlace = {}
    this.place = place
    const commands = decided.map(({ proposed }) => proposed)
    const ended = (then: () => Effect.Effect<void>): Effect.Effect<void> => {
      if (this.epoch !== epoch) return Effect.void
      this.place = undefined
      host.watched.delete(this)
      if (!decisions.endedInDefect) return then()
      this.committed = undefined
      return Effect.zipRight(Effect.gen(this.recovery, this.recovery.grow), Effect.suspend(then))
    }
    const { hash: expectedHash, version: expectedVersion } = committed
    return Effect.matchCauseEffect(host.store.append([{ streamId, expectedVersion, expectedHash, commands }], place), {
      onFailure: (cause) => ended(() => Effect.gen(this, () => this.appendFailed(decided, committed, cause))),
      onSuccess: (result) => ended(() => this.appended(decisions, committed, result))
    })
  }

  private appended(decisions: Decisions, committed: Committed<unknown>, result: AppendResult): Effect.Effect<void> {
    const { decided } = decisions
    if (result._tag === "AlreadyStored") {
      this.replay(decided, result.commands)
      return Effect.void
    }
    const { definition, host, recovery, streamId } = this
    ActorMetrics.committed(decided.length, host.elapsed() - this.busySince)
    const head = result.heads[0] ?? committed
    if (!decisions.endedInDefect) {
      recovery.reset()
      this.committed = { state: decisions.state, version: head.version, position: head.position, hash: head.hash }
      const { every = host.limits.snapshotEvery } = definition.snapshot
      const news = head.version - recovery.snapshotVersion
      if (news > 0 && news >= every && host.saver.offer(streamId, definition, this.committed)) {
        recovery.snapshotVersion = head.version
      }
    }
    this.mailbox.takeInFlight()
    let next = 0
    for (const one of decided) {
      this.conclude(one, (one.proposed.outcome === "unkept" ? undefined : result.commands[next++]) ?? head)
    }
    return Effect.void
  }

  /** Gives a command what was decided for it. */
  private conclude({ answer, pending, result }: Decided, at: Place): void {
    this.counters.count(pending.ask.command, result)
    this.resume(pending, answer(at))
  }

  /** Some commands were stored before, by an earlier try or by another process: theirs are the stored answers. */
  private replay(decided: ReadonlyArray<Decided>, stored: ReadonlyArray<StoredCommand>): void {
    const { definition } = this
    const found = new Map(stored.map((command) => [command.commandId, command]))
    const again: Array<Decided> = []
    for (const one of decided) {
      const { ask } = one.pending
      const command = found.get(ask.commandId)
      if (command === undefined) {
        again.push(one)
        continue
      }
      this.counters.count(ask.command, "replayed")
      const { answer: text, answerVersion, outcome, position, version } = command
      const answer = Effect.suspend(() =>
        Either.map(
          definition.commands.readAnswer(ask.command, outcome, { text, version: answerVersion }),
          (value): Answer => ({ outcome, value, replayed: true, version, position })
        )
      )
      this.resume(one.pending, answer)
    }
    this.again(again)
  }

  /** These are decided again, but for what ended in a defect; nothing else stays in flight. */
  private again(decided: ReadonlyArray<Decided>): void {
    const [others, defects] = Arr.partition(decided, isDefect)
    this.mailbox.putBack(others.map(({ pending }) => pending))
    for (const one of defects) this.conclude(one, nowhere)
  }

  /** The same error for all of them, but for what ended in a defect. */
  private fail(decided: ReadonlyArray<Decided>, error: RuntimeError): void {
    this.mailbox.takeInFlight()
    const [others, defects] = Arr.partition(decided, isDefect)
    for (const one of defects) this.conclude(one, nowhere)
    this.answerAll(
      others.map(({ pending }) => pending),
      error
    )
  }

  private *appendFailed(
    decided: ReadonlyArray<Decided>,
    committed: Committed<unknown>,
    cause: Cause.Cause<AppendError>
  ): Effect.fn.Return<void> {
    const failure = Option.getOrNull(Cause.failureOption(cause))
    switch (failure?._tag) {
      case "StoreUnavailable":
        return this.fail(decided, failure)
      case "OutcomeUnknown": {
        this.committed = undefined
        return this.fail(decided, failure)
      }
      // Which command it is of is known where it is alone.
      case "EntryDamaged":
      case "InvalidArgument": {
        if (decided.length === 1) return this.fail(decided, failure)
        this.mailbox.takeSingly(decided.length)
        return this.again(decided)
      }
      case "CommandIdReused":
      case "AnswerFailed": {
        const [others, blamed] = Arr.partition(decided, ({ pending }) => pending.ask.commandId === failure.commandId)
        const isReused = failure._tag === "CommandIdReused"
        if (!isReused) {
          yield* this.log("a command ended in a defect", Cause.die(failure.cause), { commandId: failure.commandId })
          yield* this.recovery.grow()
          this.committed = undefined
        }
        for (const { pending } of blamed) {
          this.counters.count(pending.ask.command, isReused ? "error" : "defect")
          this.resume(pending, isReused ? failure : Effect.die(failure.cause))
        }
        return this.again(others)
      }
      case "VersionConflict":
        return yield* this.conflict(decided, committed, failure)
      default: {
        yield* this.log("the store failed in a way that it does not declare", cause)
        this.committed = undefined
        return this.fail(decided, new OutcomeUnknown({ cause: Cause.squash(cause) }))
      }
    }
  }

  /** Another writer was first: reads its events, and decides again what has not lost too often. */
  private *conflict(
    decided: ReadonlyArray<Decided>,
    committed: Committed<unknown>,
    error: VersionConflict
  ): Effect.fn.Return<void> {
    const { limits } = this.host
    ActorMetrics.conflicted()
    for (const { pending } of decided) pending.conflicts++
    const [lost, others] = Arr.partition(decided, ({ pending }) => pending.conflicts <= limits.conflictRetries)
    this.fail(lost, error)
    this.again(others)
    const tries = Math.max(0, ...others.map(({ pending }) => pending.conflicts))
    if (tries > 0) {
      const most = Duration.toMillis(limits.maxBackoff)
      yield* Effect.sleep(yield* Backoff.next({ least: conflictDelay, most }, tries))
    }
    // A stream that ends before what was read of it, or there with another event, is another one, such as of a restored backup.
    if (error.actual <= committed.version) this.committed = undefined
    if (this.committed !== undefined) this.committed = yield* this.recovery.catchUp(committed)
  }
}

/** A defect has no place in the log, and its answer none to tell. */
const nowhere: Place = { version: 0, position: 0 }

/** Milliseconds before the first retry after a conflict: two writers that met once shall not meet again. */
const conflictDelay = 5
