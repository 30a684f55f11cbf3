/**
 * `OnceOnly` gives requests that no aggregate decides, as those of operators, what every command has: their id is one of the
 * log's, the same request gets the same answer again, and another request under this id is refused.
 */
import { Effect, Either, Schema } from "effect"
import * as CommandIdentity from "../core/CommandIdentity.ts"
import { EventStore, failureOf, type StoredCommand } from "../core/EventStore.ts"
import * as Json from "../core/Json.ts"
import { Principal } from "../core/Principal.ts"
import type { StreamId } from "../core/StreamId.ts"
import * as Failures from "./Failures.ts"
import { Problem } from "./Problem.ts"

export interface Request {
  readonly commandId: string
  /** What it does, as `Rebuild`. */
  readonly command: string
  /** What it does it to: kind and name, as `projection` and `order_totals`. */
  readonly kind: string
  readonly name: string
}

export interface Done<A> {
  readonly answer: A
  readonly replayed: boolean
}

/**
 * Does the work, unless the id was there before, and keeps its answer. After a crash between the two a retry does the work again,
 * so it is one that may be done twice.
 */
export const run = <A, I, E, R>(
  { command, commandId, kind, name }: Request,
  schema: Schema.Schema<A, I>,
  work: Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const store = yield* EventStore
    const sender = yield* Principal
    const streamId = `${kind}-${name}` as StreamId
    const fingerprint = CommandIdentity.of(CommandIdentity.addressOf(kind, command), name, commandId, "", undefined)
    const read = ({ answer }: StoredCommand) =>
      Either.mapBoth(Schema.decodeUnknownEither(Schema.parseJson(schema))(answer), {
        onLeft: (cause) => new Problem("answer-unreadable", { cause }),
        onRight: (kept): Done<A> => ({ answer: kept, replayed: true })
      })
    /** What is stored under this id; where nothing is, this answer is stored from now on, if there is one. */
    const keep = (text: string | undefined) =>
      Effect.gen(function* () {
        const proposed = {
          commandId,
          isNew: false,
          command,
          fingerprint,
          correlationId: commandId,
          causationId: null,
          traceparent: null,
          principal: sender?.name ?? null,
          isPersonal: sender?.isPersonal === true,
          events: [],
          outcome: text === undefined ? ("unkept" as const) : ("success" as const),
          answer: () => ({ text: text ?? "", version: 1 })
        }
        const result = yield* store.append([{ streamId, expectedVersion: "any", commands: [proposed] }])
        const failure = failureOf(result)
        if (failure !== undefined) return yield* Effect.fail(failure)
        const [verdict] = result[0]?.verdicts ?? []
        return verdict?._tag === "StoredBefore" ? verdict.command : undefined
      }).pipe(
        Effect.catchTags({
          // It expects none.
          VersionConflict: (cause) => Effect.fail(new Problem("internal", { cause })),
          CommandIdReused: () => Effect.fail(new Problem("idempotency-key-reused")),
          InvalidArgument: (error) => Effect.fail(Failures.invalidArgument(error)),
          AnswerFailed: (cause) => Effect.fail(new Problem("internal", { cause })),
          EntryDamaged: (cause) => Effect.fail(Failures.damaged(cause)),
          StoreUnavailable: (cause) => Effect.fail(Failures.storeUnavailable(cause)),
          OutcomeUnknown: (cause) => Effect.fail(Failures.outcomeUnknown(cause))
        })
      )

    const before = yield* keep(undefined)
    if (before !== undefined) return yield* read(before)
    const answer = yield* work
    const beside = yield* keep(Json.canonical(Schema.encodeSync(schema)(answer)))
    // A twin was first: both have its answer.
    return beside === undefined ? { answer, replayed: false } : yield* read(beside)
  })
