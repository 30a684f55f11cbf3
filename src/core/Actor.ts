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
 */
import { Array as Arr, Cause, Duration, Effect, Either, Exit, type Fiber, LogLevel, Option } from "effect"
import type { ActorLimits } from "./ActorConfig.ts"
import {
  DecisionTimedOut,
  MailboxFull,
  RecoveryFailed,
  type RuntimeError,
  ShuttingDown,
  VersionMismatch
} from "./ActorError.ts"
import * as ActorMetrics from "./ActorMetrics.ts"
import type { Answer, Ask } from "./ActorSystem.ts"
import * as Backoff from "./Backoff.ts"
import * as CommandIdentity from "./CommandIdentity.ts"
import type { AnyDefinition, Committed, Decision, Place } from "./Definition.ts"
import type { EncodedEvent } from "./EventCodec.ts"
import type { AppendError, AppendResult, EventStore, ProposedCommand, QueuePlace, StoredCommand } from "./EventStore.ts"
import * as Fault from "./Fault.ts"
import type { Permits } from "./Permits.ts"
import * as Replay from "./Replay.ts"
import type { SnapshotSaver } from "./SnapshotSaver.ts"
import type { SnapshotStore } from "./SnapshotStore.ts"
import * as Staging from "./Staging.ts"
import { OutcomeUnknown, StoreUnavailable, type VersionConflict } from "./StoreError.ts"
import type { StreamId } from "./StreamId.ts"
import { turn } from "./Turn.ts"

type Resume = (answer: Effect.Effect<Answer, RuntimeError>) => void

/** A command that was accepted and waits for its answer. */
export interface Pending {
  readonly ask: Ask
  readonly resume: Resume
  /** How often another writer came before a batch that it was in. */
  conflicts: number
}

type Reader = (state: Effect.Effect<Committed<unknown>, RuntimeError>) => void

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
  /** Those that wait for the store, or for the effect of a decision; each is told the time now and then by `expire`. */
  readonly watched: Set<Actor>
  readonly accepted: () => void
  /** One of the accepted commands was answered. */
  readonly answered: () => void
}

/** A command with what was decided for it. */
interface Decided {
  readonly pending: Pending
  readonly proposed: ProposedCommand
  /** The answer, once the append ended: at the place of what was stored, or at the stream's head for what is not kept. */
  readonly answer: (at: Place) => Effect.Effect<Answer, RuntimeError>
  /** `defect`: user code threw. It may have left anything in the state, and is not asked the same again. */
  readonly result: Exclude<ActorMetrics.Result, "replayed">
}

/** Commands that are being decided one after the other, and how far they are. */
interface Decisions {
  readonly taken: ReadonlyArray<Pending>
  /** Of those that were looked at; one alone has no twin. */
  readonly ids: Set<string> | undefined
  readonly now: number
  readonly decided: Array<Decided>
  state: unknown
  version: number
  /** Of the data of their events. */
  characters: number
}

const isDefect = ({ result }: Decided): boolean => result === "defect"
const isDefective = (decided: ReadonlyArray<Decided>): boolean => decided.at(-1)?.result === "defect"

export class Actor {
  readonly definition: AnyDefinition
  readonly id: string
  readonly streamId: StreamId
  /** Milliseconds of `Host.elapsed`, as every time here: when it last had nothing left to do. */
  idleSince = 0
  /** Others have waited for a place: it gives up its own before the next batch. */
  mustYield = false
  private readonly host: Host
  private readonly counters: ActorMetrics.CommandCounters
  private committed: Committed<unknown> | undefined
  private waiting: Array<Pending> = []
  /** The batch that is being decided or appended. */
  private inFlight: ReadonlyArray<Pending> = []
  private readers: Array<Reader> = []
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
  /** The reading of events that it waits for, and no longer than until then. */
  private patience: { readonly deadline: number; readonly giveUp: () => void } | undefined
  private snapshotVersion = 0
  /** Failures in a row, of recoveries and of user code; the backoff grows with them. */
  private failures = 0
  /** The next recovery begins no earlier. */
  private resumeAt = 0
  /** After a failed recovery: what is answered until then, without another try. */
  private refusing: { readonly until: number; readonly error: RecoveryFailed } | undefined
  /** Commands to take one at a time, after a batch was refused without saying for which of them. */
  private single = 0

  constructor(host: Host, definition: AnyDefinition, id: string, streamId: StreamId) {
    this.host = host
    this.counters = ActorMetrics.countersOf(definition.name)
    this.definition = definition
    this.id = id
    this.streamId = streamId
  }

  /** Commands that it accepted and has not answered. */
  get accepted(): number {
    return this.waiting.length + this.inFlight.length
  }

  start(): void {
    const epoch = this.epoch
    // Plain effects wherever every command passes: the steps of a generator would cost more than a decision.
    const life = Effect.whileLoop({
      while: () => this.epoch === epoch,
      body: () => this.turn(epoch),
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
    const refusal = this.refusal()
    if (refusal !== undefined) {
      this.counters.count(pending.ask.command, "error")
      pending.resume(refusal)
      return
    }
    this.waiting.push(pending)
    this.host.accepted()
    this.awake()
  }

  /** Gives the committed state, once it is there. */
  read(reader: Reader): void {
    const refusal = this.refusal()
    if (refusal !== undefined) reader(refusal)
    else if (this.committed !== undefined) reader(Effect.succeed(this.committed))
    else if (this.readers.length >= this.host.limits.mailboxCapacity) {
      reader(new MailboxFull({ streamId: this.streamId, capacity: this.host.limits.mailboxCapacity }))
    } else {
      this.readers.push(reader)
      this.awake()
    }
  }

  /** Whether it has a place. */
  get isLive(): boolean {
    return this.fiber !== undefined
  }

  /** Takes over what a reader found of the store, or that it found another stream, unless it has moved on itself. */
  advance(from: Committed<unknown>, to: Committed<unknown> | undefined): void {
    if (this.committed === from && this.inFlight.length === 0) this.committed = to
  }

  /** Leaves memory, but for what waits. Only between two batches. */
  passivate(): void {
    const { committed, host } = this
    const news = (committed?.version ?? 0) - this.snapshotVersion
    if (committed !== undefined && news > 0 && news >= host.limits.snapshotMinEvents) {
      host.saver.offer(this.streamId, this.definition, committed)
    }
    this.end()
  }

  /** Gives up what takes too long. Tells of an append or a decision which it was; a recovery tells of itself. */
  expire(now: number): "append" | "decision" | undefined {
    if (this.patience !== undefined) {
      if (now >= this.patience.deadline) this.patience.giveUp()
      return undefined
    }
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
    this.answerAll(this.inFlight, error)
    this.start()
    return "append"
  }

  /** Ends at once, with whatever waits. */
  abandon(): void {
    const { inFlight, readers, waiting } = this
    const stopped = new ShuttingDown()
    const isWithdrawn = this.withdraw()
    this.end()
    this.waiting = []
    this.readers = []
    this.answerAll(waiting, stopped)
    const unknown = new OutcomeUnknown({ cause: new Error("the system stopped during the append") })
    this.answerAll(inFlight, isWithdrawn ? stopped : unknown)
    for (const reader of readers) reader(stopped)
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
    this.patience = undefined
    this.host.watched.delete(this)
    this.fiber?.unsafeInterruptAsFork(this.fiber.id())
    this.fiber = undefined
  }

  /** Begins a new life without the command whose decision ended this one; nothing of its batch was stored. */
  private skip(one: Pending, result: "error" | "defect", answer: Effect.Effect<Answer, RuntimeError>): void {
    this.end()
    this.putBack(this.inFlight.filter((pending) => pending !== one))
    this.counters.count(one.ask.command, result)
    this.resume(one, answer)
    this.start()
  }

  /** The fiber ended by itself: by a defect of this file or of the store, or since user code interrupted it. */
  private *crash(epoch: number, cause: Cause.Cause<never>): Effect.fn.Return<void> {
    yield* this.log("the actor crashed", cause)
    yield* this.grow()
    if (this.epoch !== epoch) return
    if (this.deciding !== undefined) {
      return this.skip(this.deciding, "defect", Effect.failCause(Cause.isInterrupted(cause) ? interrupted : cause))
    }
    this.end()
    this.answerAll(this.inFlight, new OutcomeUnknown({ cause: Cause.squash(cause) }))
    this.start()
  }

  private awake(): void {
    this.host.becameBusy(this)
    const { wake } = this
    this.wake = undefined
    wake?.()
  }

  private refusal(): RecoveryFailed | undefined {
    if (this.refusing !== undefined && this.refusing.until <= this.host.elapsed()) this.refusing = undefined
    return this.refusing?.error
  }

  /** Doubles the backoff before the next recovery. */
  private *grow(): Effect.fn.Return<void> {
    const delay = yield* Backoff.next(Backoff.policyOf(this.host.limits), ++this.failures)
    this.resumeAt = this.host.elapsed() + delay
  }

  /**
   * Ends the wait for the effect at the deadline, even where the effect does not let itself be interrupted. A fiber of its own
   * and a look now and then: a timeout of Effect is three fibers and a timer, more than all else that a cold start takes.
   */
  private patiently<A, E>(deadline: number, effect: Effect.Effect<A, E>): Effect.Effect<A, E | Error> {
    return Effect.async((resume) => {
      const { host } = this
      const fiber = host.fork(effect)
      const interrupt = () => fiber.unsafeInterruptAsFork(fiber.id())
      const finish = (answer: Effect.Effect<A, E | Error>) => {
        if (this.patience === patience) {
          this.patience = undefined
          host.watched.delete(this)
        }
        resume(answer)
      }
      const giveUp = () => {
        interrupt()
        finish(Effect.fail(new Error(`no answer within ${Duration.format(host.limits.recoveryTimeout)}`)))
      }
      const patience = { deadline, giveUp }
      this.patience = patience
      host.watched.add(this)
      fiber.addObserver(finish)
      return Effect.sync(interrupt)
    })
  }

  private log(message: string, cause: Cause.Cause<unknown>, annotations: Record<string, unknown> = {}) {
    return Fault.report(LogLevel.Error, message, { streamId: this.streamId, ...annotations }, cause)
  }

  private resume(pending: Pending, answer: Effect.Effect<Answer, RuntimeError>): void {
    pending.resume(answer)
    this.host.answered()
  }

  /** The same error for all of them. They are no longer in flight. */
  private answerAll(batch: ReadonlyArray<Pending>, error: RuntimeError): void {
    if (batch === this.inFlight) this.inFlight = []
    for (const pending of batch) {
      this.counters.count(pending.ask.command, "error")
      this.resume(pending, error)
    }
  }

  /** Commands that are decided again go before those that came later. */
  private putBack(batch: ReadonlyArray<Pending>): void {
    this.inFlight = []
    this.waiting = [...batch, ...this.waiting]
  }

  /** One step of its life: rests, recovers, or serves a batch. */
  private turn(epoch: number): Effect.Effect<void> {
    const { committed } = this
    if (this.waiting.length === 0 && this.readers.length === 0) return this.rest()
    if (this.mustYield) {
      this.mustYield = false
      if (this.host.yieldPlace(this)) return Effect.void
    }
    if (committed === undefined) return Effect.gen(this, () => this.recover())
    if (this.readers.length > 0) this.answerReaders(Effect.succeed(committed))
    return this.waiting.length > 0 ? this.batch(epoch, committed) : Effect.void
  }

  private rest(): Effect.Effect<void> {
    this.mustYield = false
    this.idleSince = this.host.elapsed()
    this.host.becameIdle(this)
    return Effect.async<void>((resume) => {
      if (this.accepted > 0 || this.readers.length > 0) resume(Effect.void)
      else this.wake = () => resume(Effect.void)
    })
  }

  private answerReaders(answer: Effect.Effect<Committed<unknown>, RecoveryFailed>): void {
    const { readers } = this
    this.readers = []
    for (const reader of readers) reader(answer)
  }

  /** Loads the state, or answers all that waits that it cannot. */
  private *recover(): Effect.fn.Return<void> {
    const { definition, host, streamId } = this
    const { limits, recoveries, snapshots, store } = host
    const delay = this.resumeAt - host.elapsed()
    if (delay > 0) yield* Effect.sleep(delay)
    let deadline: number | undefined
    const attempt = Effect.suspend(() => {
      // From when it has a place: a cold start of many is no fault of the last one.
      deadline ??= host.elapsed() + Duration.toMillis(limits.recoveryTimeout)
      return this.patiently(deadline, Replay.recover(store, snapshots, definition, streamId))
    }).pipe(
      // Those that have recovered are served before the next ones, however many there are and however fast the store is.
      Effect.zipLeft(turn),
      recoveries.within
    )
    for (let attempts = 1; ; attempts++) {
      const exit = yield* Effect.exit(attempt)
      if (Exit.isSuccess(exit)) {
        const { committed, snapshotVersion } = exit.value
        this.committed = committed
        this.snapshotVersion = snapshotVersion
        ActorMetrics.recovered(committed.version - snapshotVersion)
        return
      }
      const cause = Cause.squash(exit.cause)
      yield* this.grow()
      // Only the store's own faults pass; damage and a failing upcaster are the same the next time.
      const mayTry = attempts < limits.recoveryAttempts && this.resumeAt < (deadline ?? Number.POSITIVE_INFINITY)
      if (cause instanceof StoreUnavailable && mayTry) {
        yield* Effect.sleep(this.resumeAt - host.elapsed())
        continue
      }
      ActorMetrics.recoveryFailed()
      const error = new RecoveryFailed({ streamId, cause })
      yield* this.log("recovery failed", exit.cause, { attempts })
      this.refusing = { until: this.resumeAt, error }
      const { waiting } = this
      this.waiting = []
      this.answerAll(waiting, error)
      this.answerReaders(error)
      return
    }
  }

  private take(): ReadonlyArray<Pending> {
    const most = this.single > 0 ? 1 : this.host.limits.maxBatch
    if (this.single > 0) this.single--
    if (this.waiting.length <= most) {
      const all = this.waiting
      this.waiting = []
      return all
    }
    return this.waiting.splice(0, most)
  }

  /** Decides, appends and answers some of the commands that wait. */
  private batch(epoch: number, committed: Committed<unknown>): Effect.Effect<void> {
    const taken = this.take()
    this.inFlight = taken
    const { state, version } = committed
    const ids = taken.length > 1 ? new Set<string>() : undefined
    const decisions: Decisions = { taken, ids, now: this.host.now(), decided: [], state, version, characters: 0 }
    const rest = this.decide(decisions)
    return rest === undefined
      ? this.append(epoch, committed, decisions)
      : Effect.flatMap(rest, () => this.append(epoch, committed, decisions))
  }

  private append(
    epoch: number,
    committed: Committed<unknown>,
    { decided, state, taken }: Decisions
  ): Effect.Effect<void> {
    if (this.epoch !== epoch) return Effect.void
    const { host, streamId } = this
    // What was taken but not decided waits: behind its twin, behind a defect, or since the batch is large enough.
    if (decided.length < taken.length) {
      this.putBack(taken.slice(decided.length))
      this.inFlight = taken.slice(0, decided.length)
    }

    this.busySince = host.elapsed()
    host.watched.add(this)
    const place: QueuePlace = {}
    this.place = place
    const commands = decided.map(({ proposed }) => proposed)
    const ended = (then: () => Effect.Effect<void>): Effect.Effect<void> => {
      if (this.epoch !== epoch) return Effect.void
      this.place = undefined
      host.watched.delete(this)
      if (!isDefective(decided)) return then()
      this.committed = undefined
      return Effect.zipRight(
        Effect.gen(this, () => this.grow()),
        Effect.suspend(then)
      )
    }
    const { hash: expectedHash, version: expectedVersion } = committed
    return Effect.matchCauseEffect(host.store.append([{ streamId, expectedVersion, expectedHash, commands }], place), {
      onFailure: (cause) => ended(() => Effect.gen(this, () => this.refused(decided, committed, cause))),
      onSuccess: (result) => ended(() => this.appended(decided, state, committed, result))
    })
  }

  private appended(
    decided: ReadonlyArray<Decided>,
    state: unknown,
    committed: Committed<unknown>,
    result: AppendResult
  ): Effect.Effect<void> {
    if (result._tag === "AlreadyStored") {
      this.replay(decided, result.commands)
      return Effect.void
    }
    const { definition, host, streamId } = this
    ActorMetrics.committed(decided.length, host.elapsed() - this.busySince)
    const head = result.heads[0] ?? committed
    if (!isDefective(decided)) {
      this.failures = 0
      this.resumeAt = 0
      this.committed = { state, version: head.version, position: head.position, hash: head.hash }
      const { every = host.limits.snapshotEvery } = definition.snapshot
      const news = head.version - this.snapshotVersion
      if (news > 0 && news >= every && host.saver.offer(streamId, definition, this.committed)) {
        this.snapshotVersion = head.version
      }
    }
    this.inFlight = []
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

  /**
   * Decides commands one after the other on the running state, up to a twin of one of them, a defect, or the size of a batch. What it gives, if
   * anything, is still to be run before all are decided.
   */
  private decide(decisions: Decisions): Effect.Effect<void> | undefined {
    const { decided, ids, now, taken } = decisions
    const { maxBatchCharacters } = this.host.limits
    for (;;) {
      const pending = taken[decided.length]
      if (pending === undefined || decisions.characters >= maxBatchCharacters) return undefined
      const { causationId, command, commandId, correlationId, expectedVersion: expected, payload } = pending.ask
      // A twin gets the stored answer, once there is one.
      if (ids?.has(commandId)) return undefined
      ids?.add(commandId)
      const { state, version } = decisions
      if (expected !== undefined && expected !== version) {
        const { streamId } = this
        decided.push(unkept(pending, "error", () => new VersionMismatch({ streamId, expected, actual: version })))
        continue
      }
      let decision: Decision<{ readonly _tag: string }, unknown>
      try {
        const context = { id: this.id, version, now, commandId, correlationId, causationId }
        decision = this.definition.decide(command, payload, state, context)
      } catch (error) {
        return this.defect(decisions, pending, Cause.die(error))
      }
      if (!Either.isEither(decision)) return this.run(decisions, pending, decision)
      const defect = this.settle(decisions, pending, decision)
      if (defect !== undefined) return defect
    }
  }

  /** Waits for the decision's own success or error, and decides the rest. What else ends it is a defect. */
  private run(
    decisions: Decisions,
    pending: Pending,
    decision: Effect.Effect<ReadonlyArray<{ readonly _tag: string }>, unknown>
  ): Effect.Effect<void> {
    const { watched } = this.host
    const ended = (): void => {
      watched.delete(this)
      this.deciding = undefined
    }
    this.deciding = pending
    this.busySince = this.host.elapsed()
    watched.add(this)
    return Effect.matchCauseEffect(decision, {
      onFailure: (cause) => {
        ended()
        const failure = Cause.failureOrCause(cause)
        if (Either.isLeft(failure)) {
          return this.settle(decisions, pending, Either.left(failure.left)) ?? this.decide(decisions) ?? Effect.void
        }
        // The caller was not interrupted, and would take such an answer for that.
        return this.defect(decisions, pending, Cause.isInterrupted(cause) ? interrupted : failure.right)
      },
      onSuccess: (events) => {
        ended()
        return this.settle(decisions, pending, Either.right(events)) ?? this.decide(decisions) ?? Effect.void
      }
    })
  }

  /** Takes one decision into the running state. What it gives, if anything, is the report of a defect. */
  private settle(
    decisions: Decisions,
    pending: Pending,
    outcome: Either.Either<ReadonlyArray<{ readonly _tag: string }>, unknown>
  ): Effect.Effect<void> | undefined {
    const { definition } = this
    const { decided } = decisions
    if (Either.isLeft(outcome)) {
      decided.push(refusal(definition, pending, outcome.left))
      return undefined
    }
    try {
      const staged = Staging.stage(definition, decisions.state, outcome.right)
      if (Either.isLeft(staged)) {
        decided.push(unkept(pending, "error", () => staged.left))
        return undefined
      }
      const { characters, events, state } = staged.right
      decided.push(success(definition, pending, events, state))
      decisions.characters += characters
      decisions.version += events.length
      decisions.state = state
      return undefined
    } catch (error) {
      return this.defect(decisions, pending, Cause.die(error))
    }
  }

  private defect({ decided }: Decisions, pending: Pending, cause: Cause.Cause<never>): Effect.Effect<void> {
    const { command, commandId } = pending.ask
    decided.push(unkept(pending, "defect", () => Effect.failCause(cause)))
    return this.log("a command ended in a defect", cause, { command, commandId })
  }

  /** Some commands were stored before, by an earlier try or by another process: theirs are the stored answers. */
  private replay(decided: ReadonlyArray<Decided>, stored: ReadonlyArray<StoredCommand>): void {
    const { definition } = this
    const found = new Map(stored.map((command) => [command.commandId, command]))
    this.inFlight = []
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

  /** These are decided again, but for what ended in a defect. */
  private again(decided: ReadonlyArray<Decided>): void {
    const [others, defects] = Arr.partition(decided, isDefect)
    for (const one of defects) this.conclude(one, nowhere)
    this.putBack(others.map(({ pending }) => pending))
  }

  /** The same error for all of them, but for what ended in a defect. They are no longer in flight. */
  private fail(decided: ReadonlyArray<Decided>, error: RuntimeError): void {
    this.inFlight = []
    const [others, defects] = Arr.partition(decided, isDefect)
    for (const one of defects) this.conclude(one, nowhere)
    this.answerAll(
      others.map(({ pending }) => pending),
      error
    )
  }

  private *refused(
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
        this.single = decided.length
        return this.again(decided)
      }
      case "CommandIdReused":
      case "AnswerFailed": {
        const [others, blamed] = Arr.partition(decided, ({ pending }) => pending.ask.commandId === failure.commandId)
        const isReused = failure._tag === "CommandIdReused"
        if (!isReused) {
          yield* this.log("a command ended in a defect", Cause.die(failure.cause), { commandId: failure.commandId })
          yield* this.grow()
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
    const { definition, streamId } = this
    const { elapsed, limits, store } = this.host
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
    if (this.committed === undefined) return
    const missing = Replay.catchUp(store, definition, streamId, committed)
    const deadline = elapsed() + Duration.toMillis(limits.recoveryTimeout)
    const exit = yield* Effect.exit(this.patiently(deadline, missing))
    // What cannot be caught up with is recovered from the start, which reports why it cannot be.
    this.committed = Exit.isSuccess(exit) ? exit.value : undefined
  }
}

/** A defect has no place in the log, and its answer none to tell. */
const nowhere: Place = { version: 0, position: 0 }

/** Milliseconds before the first retry after a conflict: two writers that met once shall not meet again. */
const conflictDelay = 5

/** The answer to a command whose decision interrupted the actor: a mistake of its code, and no interruption of the caller. */
const interrupted = Cause.die(new Error("the decision interrupted itself"))

const recognizerOf = (ask: Ask): ProposedCommand["recognizes"] => {
  const { earlier } = ask
  return earlier && ((stored) => CommandIdentity.recognizes(ask, ask.commandId, earlier, stored))
}

const propose = (
  { ask }: Pending,
  events: ReadonlyArray<EncodedEvent>,
  outcome: ProposedCommand["outcome"],
  answer: ProposedCommand["answer"]
): ProposedCommand => ({
  commandId: ask.commandId,
  isNew: !ask.retryable,
  command: ask.command,
  fingerprint: ask.fingerprint,
  recognizes: recognizerOf(ask),
  correlationId: ask.correlationId,
  causationId: ask.causationId,
  traceparent: ask.traceparent,
  events,
  outcome,
  answer
})

const unkept = (pending: Pending, result: Decided["result"], answer: Decided["answer"]): Decided => ({
  pending,
  proposed: propose(pending, [], "unkept", () => ({ text: "", version: 1 })),
  answer,
  result
})

const refusal = (definition: AnyDefinition, pending: Pending, error: unknown): Decided => {
  const { ask } = pending
  let value = error
  const answer = ({ position, version }: Place) =>
    Effect.succeed<Answer>({ outcome: "refusal", value, replayed: false, version, position })
  // A caller that did not choose the id cannot come again with it.
  if (!ask.retryable || !definition.isKept(error)) return unkept(pending, "refusal", answer)
  const keep = () => {
    const written = definition.commands.writeAnswer(ask.command, "refusal", error)
    value = written.value
    return written
  }
  return { pending, proposed: propose(pending, [], "refusal", keep), answer, result: "refusal" }
}

const success = (
  definition: AnyDefinition,
  pending: Pending,
  events: ReadonlyArray<EncodedEvent>,
  after: unknown
): Decided => {
  const { command } = pending.ask
  // As it reads from its text: a later caller gets the same.
  let value: unknown
  const keep = (at: Place) => {
    const written = definition.commands.writeAnswer(command, "success", definition.reply(command, after, at))
    value = written.value
    return written
  }
  const answer = ({ position, version }: Place) =>
    Effect.succeed<Answer>({ outcome: "success", value, replayed: false, version, position })
  return { pending, proposed: propose(pending, events, "success", keep), answer, result: "success" }
}
