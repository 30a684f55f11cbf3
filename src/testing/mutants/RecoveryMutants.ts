/** Actor systems with one fault each in how an actor comes to its state, and how long it stays in memory. */
import { Context, Effect, Layer, Option } from "effect"
import * as ActorConfig from "../../core/ActorConfig.ts"
import { MailboxFull, TooManyActors } from "../../core/ActorError.ts"
import type { Answer } from "../../core/ActorSystem.ts"
import type { AnyDefinition } from "../../core/Definition.ts"
import * as EventLoop from "../../core/EventLoop.ts"
import { EventStore } from "../../core/EventStore.ts"
import { NoAnswer } from "../../core/Loading.ts"
import { checksum } from "../../core/SnapshotStore.ts"
import { InvalidArgument, OutcomeUnknown } from "../../core/StoreError.ts"
import { failingWith, mutant, type Needs } from "./ActorMutant.ts"
import { asking, limited, type Mutant, overSnapshots, overStore, system } from "./Mutant.ts"

export const recoveries: ReadonlyArray<Mutant<Needs>> = [
  mutant(
    "tells those that waited for a recovery of the first refusal among them",
    ["commands that arrive during"],
    asking(({ ask, register, store }) => {
      const streams = new Map<string, AnyDefinition["streamId"]>()
      /** The first refusal of those that were asked before the state was there. */
      const refused = new Map<string, Answer>()
      const known = new Set<string>()
      return {
        register: (definition) => {
          streams.set(definition.name, definition.streamId)
          return register(definition)
        },
        ask: (asked) =>
          Effect.gen(function* () {
            const streamId = streams.get(asked.aggregate)?.(asked.id)
            if (streamId === undefined || known.has(streamId)) return yield* ask(asked)
            const { version } = yield* Effect.orElseSucceed(store.head(streamId), () => ({ version: 0 }))
            if (version === 0) return yield* ask(asked)
            const answer = yield* ask(asked)
            const first = refused.get(streamId)
            if (first !== undefined) return first
            if (answer.outcome === "refusal") refused.set(streamId, answer)
            yield* Effect.forkDaemon(Effect.map(Effect.yieldNow(), () => known.add(streamId)))
            return answer
          })
      }
    })
  ),
  mutant(
    "tries no recovery again",
    ["a recovery that fails once", "a recovery that always", "the time limit of a recovery"],
    limited(() => ({ recoveryAttempts: 1 }))
  ),
  mutant(
    "tries a recovery once more than it should",
    ["a recovery that always", "a wall clock"],
    limited(({ recoveryAttempts = ActorConfig.defaults.recoveryAttempts }) => ({
      recoveryAttempts: recoveryAttempts + 1
    }))
  ),
  mutant(
    "does not know what became of a recovery that did not end",
    ["a recovery that does not"],
    failingWith((error) =>
      error._tag === "RecoveryFailed" && error.cause instanceof NoAnswer ? new OutcomeUnknown({ cause: error }) : error
    )
  ),
  mutant(
    "limits each attempt of a recovery, and not all together",
    ["the time limit of a recovery"],
    limited(({ recoveryAttempts = 0, recoveryTimeout }) =>
      recoveryAttempts < 100 || recoveryTimeout === undefined ? {} : { recoveryTimeout: "50 seconds" as never }
    )
  ),
  mutant(
    "recovers one more at once than it may",
    ["recoveries that hang"],
    limited(({ maxRecoveries = ActorConfig.defaults.maxRecoveries }) => ({ maxRecoveries: maxRecoveries + 1 }))
  ),
  mutant(
    "answers none of many before all are answered",
    ["a cold start"],
    asking(({ ask }) => {
      const ids = new Set<string>()
      let unanswered = 0
      return {
        ask: (asked) =>
          Effect.gen(function* () {
            ids.add(asked.id)
            unanswered++
            const answer = yield* Effect.ensuring(
              ask(asked),
              Effect.sync(() => unanswered--)
            )
            while (ids.size > 200 && unanswered > 0) yield* EventLoop.turn
            return answer
          })
      }
    })
  ),
  mutant(
    "says of too many reads that there are too many actors",
    ["reads that wait"],
    asking(({ state }) => ({
      state: (aggregate, id) =>
        Effect.mapError(state(aggregate, id), (error) =>
          error._tag === "MailboxFull" ? new TooManyActors({ streamId: error.streamId, limit: error.capacity }) : error
        )
    }))
  ),
  mutant(
    "takes damage for a wrong question, where it follows a stream",
    ["live changes"],
    asking(({ store }) => ({ store: { ...store, ...misnaming(store) } }))
  ),
  mutant("takes damage for a wrong question", ["a stream with a changed", "live changes"], overStore(misnaming))
]

function misnaming({ readAll, readStream }: EventStore["Type"]): Pick<EventStore["Type"], "readAll" | "readStream"> {
  const wrong = () => new InvalidArgument({ argument: "from", reason: "is of no event" })
  return {
    readStream: (streamId, options) => Effect.catchTag(readStream(streamId, options), "StreamDamaged", wrong),
    readAll: (after, limit) => Effect.catchTag(readAll(after, limit), "StreamDamaged", wrong)
  }
}

export const residency: ReadonlyArray<Mutant<Needs>> = [
  mutant(
    "lets an actor go without its snapshot",
    ["an idle actor", "an actor that was only read"],
    limited(() => ({ snapshotMinEvents: 1_000_000 }))
  ),
  mutant(
    "saves a snapshot for a mere reader, where actors are let go",
    ["an actor that was only read"],
    asking(({ register, snapshots, state }, { idleTimeout }) => {
      const known = new Map<string, AnyDefinition>()
      return {
        register: (definition) => {
          known.set(definition.name, definition)
          return register(definition)
        },
        state: (aggregate, id) =>
          Effect.tap(state(aggregate, id), ({ hash: eventHash, position, state: held, version }) => {
            const definition = known.get(aggregate)
            if (definition === undefined || idleTimeout === undefined || version === 0) return Effect.void
            const data = definition.snapshot.encode(held)
            const { fingerprint } = definition.snapshot
            const one = {
              streamId: definition.streamId(id),
              version,
              position,
              eventHash,
              fingerprint,
              data,
              recordedAt: 0
            }
            return Effect.orDie(snapshots.save([{ ...one, checksum: checksum(one) }], 1))
          })
      }
    })
  ),
  mutant(
    "loses each three hundredth command of another actor than the last one's",
    ["no command is lost"],
    asking(({ ask }) => {
      let count = 0
      let last = ""
      let given: Answer | undefined
      return {
        ask: (asked) =>
          Effect.suspend(() => {
            const isOther = asked.id !== last
            last = asked.id
            if (isOther && ++count % 300 === 0 && given !== undefined) return Effect.succeed(given)
            return Effect.tap(ask(asked), (answer) => {
              given = answer
            })
          })
      }
    })
  ),
  mutant(
    "gives a place only when an actor has nothing left to do",
    ["actors that are never idle", "when every place is taken"],
    asking(({ ask }, limits) => {
      const { maxLiveActors } = { ...ActorConfig.defaults, ...limits }
      const busy = new Map<string, number>()
      const waiting: Array<() => void> = []
      const place = Effect.async<void>((resume) => {
        waiting.push(() => resume(Effect.void))
      })
      const count = (id: string, by: number) => {
        const left = (busy.get(id) ?? 0) + by
        if (left > 0) busy.set(id, left)
        else {
          busy.delete(id)
          for (const wake of waiting.splice(0)) wake()
        }
      }
      return {
        ask: (asked) =>
          Effect.gen(function* () {
            while (!busy.has(asked.id) && busy.size >= maxLiveActors) yield* place
            count(asked.id, 1)
            return yield* Effect.ensuring(
              ask(asked),
              Effect.sync(() => count(asked.id, -1))
            )
          })
      }
    })
  ),
  mutant(
    "says of too many actors that a mailbox is full",
    ["when every place is taken"],
    failingWith((error) =>
      error._tag === "TooManyActors" ? new MailboxFull({ streamId: error.streamId, capacity: error.limit }) : error
    )
  ),
  mutant(
    "dies of a logger that throws",
    ["a logger that throws"],
    overStore(({ append }) => ({
      append: (requests, place) => Effect.zipRight(Effect.logInfo("appends"), append(requests, place))
    }))
  ),
  mutant(
    "hands on what it was built with",
    ["neither actors nor"],
    system(
      (build) => (limits) =>
        Layer.unwrapEffect(
          Effect.map(Effect.context<never>(), (context) => {
            const within = <A, E>(effect: Effect.Effect<A, E>) =>
              Effect.mapInputContext(effect, (own: Context.Context<never>) => Context.merge(context, own))
            const changed = Effect.map(EventStore, (store) =>
              EventStore.of({ ...store, append: (requests, place) => within(store.append(requests, place)) })
            )
            return Layer.provide(build(limits), Layer.effect(EventStore, changed))
          })
        )
    )
  )
]

export const snapshots: ReadonlyArray<Mutant<Needs>> = [
  mutant(
    "spoils the snapshot after the eighteenth event",
    ["a state from a snapshot"],
    overSnapshots(({ save }) => ({
      save: (snapshots, keep) =>
        save(
          snapshots.map((snapshot) => {
            if (snapshot.version !== 18) return snapshot
            const spoilt = { ...snapshot, data: '{"count":7}' }
            return { ...spoilt, checksum: checksum(spoilt) }
          }),
          keep
        )
    }))
  ),
  mutant(
    "trusts a snapshot whose checksum is wrong",
    ["a snapshot that is damaged"],
    overSnapshots(({ load }) => ({
      load: (streamId, maxVersion) =>
        Effect.map(
          load(streamId, maxVersion),
          Option.map((snapshot) => ({ ...snapshot, checksum: checksum(snapshot) }))
        )
    }))
  ),
  mutant(
    "uses no snapshot",
    ["a snapshot ahead", "an idle actor"],
    overSnapshots(() => ({ load: () => Effect.succeedNone }))
  ),
  mutant(
    "takes the event that a snapshot was made after for the one that was stored there",
    ["a snapshot that waits"],
    overStore(({ append, readStream }) => {
      const hashes = new Map<string, string>()
      return {
        append: (requests, place) =>
          Effect.tap(append(requests, place), (results) =>
            Effect.sync(() => {
              for (const [index, { head }] of results.entries()) {
                hashes.set(`${requests[index]?.streamId} ${head.version}`, head.hash)
              }
            })
          ),
        readStream: (streamId, options) => {
          const hash = hashes.get(`${streamId} ${options?.from}`)
          const page = readStream(streamId, options)
          return hash === undefined || options?.from !== options?.to
            ? page
            : Effect.map(page, ({ events, more }) => ({ events: events.map((event) => ({ ...event, hash })), more }))
        }
      }
    })
  ),
  mutant(
    "takes limits of zero for a reason to fail",
    ["limits of zero"],
    asking(({ ask }, { snapshotEvery }) => ({
      ask: (asked) => (snapshotEvery === 0 ? Effect.dieMessage("no snapshot of a stream without events") : ask(asked))
    }))
  )
]
