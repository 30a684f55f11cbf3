/**
 * `OnceOnly` gives requests that no aggregate decides, as those of operators, what every command has: their id is one
 * of the log's, the same request gets the same answer again, and another request under this id is refused. The work is
 * done in the transaction of its entry in the journal: whatever happens in between, both are there or neither.
 */
import { Effect, Either, Schema } from "effect"
import * as CommandIdentity from "../core/CommandIdentity.ts"
import { EventStore } from "../core/EventStore.ts"
import * as Operation from "../core/Operation.ts"
import * as Principal from "../core/Principal.ts"
import type { OutcomeUnknown, StoreUnavailable } from "../core/StoreError.ts"
import type { UnknownProjection } from "../projection/ProjectionError.ts"
import * as Failures from "./Failures.ts"
import { Problem } from "./Problem.ts"
import * as StoredCommands from "./StoredCommands.ts"

export interface Request {
  readonly commandId: string
  /** What it does, as `Rebuild`. */
  readonly command: string
  /** What it does it to: kind and name, as `projection` and `order_totals`. */
  readonly kind: string
  readonly name: string
  /** Why; null where nothing is said, as in every request of an earlier release. */
  readonly reason: string | null
}

/** An earlier release kept such a request as a command without events, of a stream of its own. */
const keptAsCommand = ({ command, commandId, kind, name, reason }: Request) =>
  Effect.gen(function* () {
    if (reason !== null) return undefined
    const kept = yield* StoredCommands.find(yield* EventStore, commandId)
    const sender = yield* Principal.Principal
    const asking = { principal: sender?.name ?? null, isPersonal: sender?.isPersonal === true }
    const fingerprint = CommandIdentity.of(CommandIdentity.addressOf(kind, command), name, commandId, "", undefined)
    const isSame =
      kept?.streamId === `${kind}-${name}` &&
      kept.fingerprint === fingerprint &&
      !Principal.isForeign(asking, kept.principal)
    return isSame ? kept.answer : undefined
  })

/** Why the work is not done; what it cannot be, its handler says. */
type Failure = UnknownProjection | StoreUnavailable | OutcomeUnknown

/** Does the work, unless the id was there before, and keeps its answer. */
export const run = <A, I extends Readonly<Record<string, unknown>>>(
  request: Request,
  schema: Schema.Schema<A, I>,
  work: Effect.Effect<A, Failure>
) =>
  Effect.gen(function* () {
    const { command, commandId, kind, name, reason } = request
    const principal = (yield* Principal.Principal)?.name ?? null
    const read = (kept: unknown) =>
      Either.mapLeft(Schema.decodeUnknownEither(schema)(kept), (cause) => new Problem("answer-unreadable", { cause }))
    const done = yield* Operation.run(
      `${kind}s.${command.toLowerCase()}`,
      { [kind]: name },
      { principal, reason, key: commandId },
      Effect.map(work, Schema.encodeSync(schema))
    ).pipe(
      Effect.catchTags({
        CommandIdReused: () => Effect.succeed(undefined),
        EntryDamaged: (error) => Effect.fail(Failures.damaged(error)),
        InvalidArgument: (error) => Effect.fail(Failures.invalidArgument(error))
      })
    )
    if (done !== undefined) return { answer: yield* read(done.detail), replayed: done.replayed }
    const kept = yield* Effect.mapError(keptAsCommand(request), Failures.ofReading)
    if (kept === undefined) return yield* Effect.fail(new Problem("idempotency-key-reused"))
    return { answer: yield* read(JSON.parse(kept)), replayed: true }
  })
