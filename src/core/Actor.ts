/**
 * `Actor` runs one aggregate: it recovers the state, takes the commands that wait, decides one after the other on the
 * running state, appends what they decided in one request, and answers them after it is stored.
 *
 * It does so in turns, which are plain calls (`Turns.ts`): where the store takes appends in the same way, a command to
 * a warm actor needs only its caller's fiber. One is started for what takes its time or may fail in the middle: a
 * recovery, the effect of a decision, what follows a conflict, a line of the log. Nothing else of the actor happens
 * until it ends.
 *
 * What follows from the store's answer, for each command by itself:
 *
 * - stored: its state becomes the committed one, and its callers get their answer;
 * - stored before: they get the stored answer;
 * - refused, by the store or by a defect of user code: they get that error, and nothing else happens;
 * - decided on what is not stored: it is decided again, and behind one of the same batch no more than once;
 * - another writer was first: the missing events are read and the commands decided again, a few times;
 * - unavailable: nothing happened, the callers are told, and the state is still the committed one;
 * - outcome unknown, or `evolve` threw: the state is dropped and loaded again before the next command.
 *
 * Nothing of a batch is answered before its append ended, refusals included: each answer holds of what is stored.
 *
 * Last of the five rooms of an actor. What waits is in `Mailbox.ts`, what a batch decides in `Decisions.ts`, how a
 * state is loaded in `Recovery.ts`, and how a command gets its answer in `Answers.ts`. `Incarnation.ts` has the means:
 * an append, a fiber, and that neither is heard after the end. `ActorSystemLocal.ts` starts actors and lets them go,
 * and gives them what `ActorHost.ts` names.
 */
import { Cause, Effect, Either, Exit, LogLevel, Option } from "effect"
import { MailboxFull, type RecoveryFailed, ShuttingDown } from "./ActorError.ts"
import type { Host } from "./ActorHost.ts"
import * as ActorMetrics from "./ActorMetrics.ts"
import { type Answering, Answers } from "./Answers.ts"
import { type Decided, Decisions, type Effectful } from "./Decisions.ts"
import type { AnyDefinition, Committed } from "./Definition.ts"
import type { AppendError, StreamResult } from "./EventStore.ts"
import * as FaultLog from "./FaultLog.ts"
import { Incarnation, type Living } from "./Incarnation.ts"
import { Mailbox, type Pending, type Reader } from "./Mailbox.ts"
import { Recovery } from "./Recovery.ts"
import { CommandIdReused, OutcomeUnknown, StoreUnavailable, type VersionConflict } from "./StoreError.ts"
import type { StreamId } from "./StreamId.ts"

export class Actor implements Answering, Living {
  readonly definition: AnyDefinition
  readonly id: string
  readonly streamId: StreamId
  /** Milliseconds of `Host.elapsed`, as every time here: when it last had nothing left to do. */
  idleSince = 0
  /** Others have waited for a place: it gives up its own before the next batch. */
  mustYield = false
  /** It was started for a read and has had no command: it keeps no place from those that have. */
  isGuest = false
  /** Reads of its state that have no answer yet. */
  reads = 0
  private readonly host: Host
  readonly mailbox = new Mailbox()
  private readonly answers: Answers
  private readonly recovery: Recovery
  private committed: Committed<unknown> | undefined
  /** `ready`: its turn is to come. `works`: it appends, or its fiber runs; whatever comes waits until that ends. */
  private phase: "rests" | "ready" | "works" = "rests"
  /** While it has a place. */
  private incarnation: Incarnation | undefined
  /** Whether a command of its own was stored: one that was only read has not. */
  private hasStored = false

  constructor(host: Host, definition: AnyDefinition, id: string, streamId: StreamId) {
    this.host = host
    this.definition = definition
    this.id = id
    this.streamId = streamId
    this.recovery = new Recovery(host, definition, streamId)
    this.answers = new Answers(host, this)
  }

  /** Commands that it accepted and has not answered. */
  get accepted(): number {
    return this.mailbox.accepted
  }

  /** Whether it has a place. */
  get isLive(): boolean {
    return this.incarnation !== undefined
  }

  start(): void {
    this.incarnation = new Incarnation(this.host, this)
    this.goOn()
  }

  /** Accepts a command; the caller has checked that there is room. */
  offer(pending: Pending): void {
    const { commandId } = pending.ask
    const refused =
      this.recovery.failure ?? (this.mailbox.add(pending) ? undefined : new CommandIdReused({ commandId }))
    if (refused !== undefined) {
      this.answers.decline(pending, refused)
      return
    }
    this.host.accepted()
    this.awake()
  }

  /** Returns the committed state, once it is there. */
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

  /** Whether its stream is known to have no events. */
  get isEmpty(): boolean {
    return this.committed?.version === 0
  }

  /** Takes over what a reader found of the store, or that it found another stream, unless it has moved on itself. */
  advance(from: Committed<unknown>, to: Committed<unknown> | undefined): void {
    if (this.committed === from && this.mailbox.inFlight.length === 0) this.committed = to
  }

  /**
   * Leaves memory, except for what waits. Only between two batches. One that was only read saves nothing: to look at a
   * state writes nothing.
   */
  passivate(): void {
    const { committed, hasStored, host, recovery } = this
    if (committed !== undefined && hasStored) recovery.saveSnapshot(committed, host.limits.snapshotMinEvents)
    this.end()
  }

  /** Gives up an append that takes too long. */
  expire(now: number): "append" | undefined {
    if (this.incarnation?.isOverdue(now) !== true) return undefined
    const error = this.incarnation.withdraw()
      ? new StoreUnavailable({ operation: "append", cause: new Error("the append waited too long for its turn") })
      : new OutcomeUnknown({ cause: new Error("the store did not answer the append") })
    this.end()
    this.answers.all(this.mailbox.takeInFlight(), error)
    this.start()
    return "append"
  }

  /** Ends at once, with whatever waits. */
  abandon(): void {
    const { mailbox } = this
    const stopped = new ShuttingDown()
    const isWithdrawn = this.incarnation?.withdraw() === true
    this.end()
    const unknown = new OutcomeUnknown({ cause: new Error("the system stopped during the append") })
    this.answers.all(mailbox.takeWaiting(), stopped)
    this.answers.all(mailbox.takeInFlight(), isWithdrawn ? stopped : unknown)
    for (const reader of mailbox.takeReaders()) reader(stopped)
  }

  private end(): void {
    this.incarnation?.end()
    this.incarnation = undefined
    this.phase = "rests"
    this.committed = undefined
  }

  /** A defect of this file or of the store: logged, and then the next incarnation begins. */
  crashed(incarnation: Incarnation, cause: Cause.Cause<unknown>): void {
    const logged = Effect.zipRight(this.log("the actor crashed", cause), Effect.gen(this.recovery, this.recovery.grow))
    this.host.fork(
      Effect.zipRight(
        logged,
        Effect.sync(() => this.restart(incarnation, cause))
      )
    )
  }

  private restart(incarnation: Incarnation, cause: Cause.Cause<unknown>): void {
    if (incarnation.hasEnded) return
    this.end()
    this.answers.all(this.mailbox.takeInFlight(), new OutcomeUnknown({ cause: Cause.squash(cause) }))
    this.start()
  }

  private awake(): void {
    this.host.becameBusy(this)
    if (this.isLive && this.phase === "rests") this.goOn()
  }

  private log(message: string, cause: Cause.Cause<unknown>) {
    return FaultLog.report(LogLevel.Error, message, { streamId: this.streamId }, cause)
  }

  /** Has its next turn as soon as what runs now has ended. */
  private goOn(): void {
    this.phase = "ready"
    this.host.turns.add(this)
  }

  /** Rests, recovers, or serves a batch. */
  takeTurn(): void {
    if (this.phase !== "ready") return
    this.phase = "works"
    this.incarnation?.step(() => this.step())
  }

  private run(effect: Effect.Effect<void>, then: () => void = () => this.goOn()): void {
    this.incarnation?.run(effect, then)
  }

  private step(): void {
    const { committed, mailbox } = this
    if (!mailbox.hasCommands && mailbox.readerCount === 0) {
      this.rest()
      return
    }
    if (this.mustYield) {
      this.mustYield = false
      if (this.host.yieldPlace(this)) return
    }
    if (committed === undefined) {
      this.run(Effect.gen(this, () => this.recover()))
      return
    }
    if (mailbox.readerCount > 0) this.answerReaders(Effect.succeed(committed))
    if (mailbox.hasCommands) this.batch(committed)
    else this.rest()
  }

  /** A batch has its answers. A caller that got one may ask again before the next turn. */
  private ended(): void {
    if (this.mailbox.hasCommands || this.mailbox.readerCount > 0) this.goOn()
    else this.rest()
  }

  private rest(): void {
    this.phase = "rests"
    this.mustYield = false
    this.idleSince = this.host.elapsed()
    this.host.becameIdle(this)
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
    this.answers.all(this.mailbox.takeWaiting(), recovered.left)
    this.answerReaders(recovered.left)
  }

  /** Decides, appends and answers some of the commands that wait. */
  private batch(committed: Committed<unknown>): void {
    const { host, mailbox } = this
    const taken = mailbox.take(host.limits.maxBatch)
    const decisions = new Decisions(host, this, committed)
    const effect = decisions.decide(taken)
    if (effect !== undefined) {
      mailbox.keep(1)
      this.runEffect(decisions, effect)
      return
    }
    // What was taken but not decided waits.
    if (decisions.decided.length < taken.length) mailbox.keep(decisions.decided.length)
    this.appendDecided(decisions)
  }

  /** Runs the decision of one command, once the store says that the command is new and the state is the newest. */
  private runEffect(decisions: Decisions, effect: Effectful): void {
    const run = () => this.run(decisions.run(effect), () => this.appendDecided(decisions))
    if (!effect.pending.ask.retryable) {
      run()
      return
    }
    const lookUp: Batch = { committed: decisions.committed, decided: [decisions.lookUp(effect)], isSpoilt: false }
    this.append(lookUp, (result) => {
      if (result.verdicts[0]?._tag === "Unstored") run()
      else this.judge(lookUp, result)
    })
  }

  private appendDecided(decisions: Decisions): void {
    const append = () => this.append(decisions, (result) => this.judge(decisions, result))
    if (decisions.defects.length === 0) append()
    else this.run(this.answers.report(decisions.defects), append)
  }

  /** Asks the store to append, for `appendTimeout` at most (see `expire`), and goes on by what it says. */
  private append(batch: Batch, judge: (result: StreamResult) => void): void {
    const { committed, decided, isSpoilt } = batch
    const { hash: expectedHash, version: expectedVersion } = committed
    const commands = decided.map(({ proposed }) => proposed)
    this.incarnation?.append({ streamId: this.streamId, expectedVersion, expectedHash, commands }, (answer) => {
      if (isSpoilt) this.committed = undefined
      const result = Exit.isSuccess(answer) ? answer.value[0] : undefined
      if (result !== undefined) judge(result)
      else this.appendFailed(decided, Exit.isFailure(answer) ? answer.cause : unjudged)
    })
  }

  /** Concludes the batch by what the store says of it, once what user code threw while it made answers is logged. */
  private judge(batch: Batch, result: StreamResult): void {
    const defects = this.answers.defectsOf(batch.decided, result.verdicts)
    if (defects.length === 0) this.conclude(batch, result)
    else this.run(this.answers.report(defects), () => this.conclude(batch, result))
  }

  /** Answers each command by its verdict, and takes over the state of the last one that is stored. */
  private conclude(batch: Batch, result: StreamResult): void {
    const { conflict, head, verdicts } = result
    const { decided } = batch
    if (conflict === undefined) this.commit(batch, result)
    this.mailbox.takeInFlight()
    const again = this.answers.judged(decided, verdicts, head)
    if (conflict !== undefined) {
      this.conflict(again, conflict)
      return
    }
    ActorMetrics.committed(decided.length - again.length, this.incarnation?.appendTime ?? 0)
    this.decideAgain(again)
    this.ended()
  }

  /** Takes over the state after the last command that is stored: nothing that was decided behind it holds. */
  private commit({ committed, decided, isSpoilt }: Batch, { head, verdicts }: StreamResult): void {
    const last = verdicts.findLastIndex(({ _tag }) => _tag === "Stored")
    if (last >= 0) this.hasStored = true
    if (isSpoilt) return
    this.recovery.reset()
    const state = last < 0 ? committed.state : decided[last]?.after
    this.committed = { state, version: head.version, position: head.position, hash: head.hash }
    const { every = this.host.limits.snapshotEvery } = this.definition.snapshot
    this.recovery.saveSnapshot(this.committed, every)
  }

  /** They were decided on events that are not stored. */
  private decideAgain(batch: ReadonlyArray<Pending>): void {
    for (const pending of batch) pending.isAgain = true
    this.mailbox.putBack(batch)
  }

  private appendFailed(decided: ReadonlyArray<Decided>, cause: Cause.Cause<AppendError>): void {
    const failure = Option.getOrNull(Cause.failureOption(cause))
    const isKnown = failure?._tag === "StoreUnavailable" || failure?._tag === "InvalidArgument"
    if (!isKnown) this.committed = undefined
    if (isKnown || failure?._tag === "OutcomeUnknown") {
      this.answers.fail(decided, failure)
      this.ended()
      return
    }
    this.answers.fail(decided, new OutcomeUnknown({ cause: Cause.squash(cause) }))
    this.run(this.log("the store failed in a way that it does not declare", cause))
  }

  /** Another writer was first: reads its events, and decides again those commands that have not lost too often. */
  private conflict(batch: ReadonlyArray<Pending>, error: VersionConflict): void {
    ActorMetrics.conflicted()
    for (const pending of batch) pending.conflicts++
    const most = this.host.limits.conflictRetries
    this.answers.all(
      batch.filter(({ conflicts }) => conflicts > most),
      error
    )
    const again = batch.filter(({ conflicts }) => conflicts <= most)
    this.mailbox.putBack(again)
    const tries = Math.max(0, ...again.map(({ conflicts }) => conflicts))
    this.run(
      Effect.gen(this, function* () {
        this.committed = yield* this.recovery.afterConflict(this.committed, error, tries)
      })
    )
  }
}

/** Commands that are appended together, and the state that they were decided on. */
type Batch = Pick<Decisions, "committed" | "decided" | "isSpoilt">

/** A store that answers an append without a word about its stream. */
const unjudged = Cause.die(new Error("the store judged no command"))
