/** Actor systems with one fault each in what a batch decides, and in what they do about another writer. */
import { Deferred, Duration, Effect } from "effect"
import * as ActorConfig from "../../core/ActorConfig.ts"
import { MailboxFull, TooManyActors, WrongExpectedVersion } from "../../core/ActorError.ts"
import type { EventStore, Head, StreamResult, Verdict } from "../../core/EventStore.ts"
import { OutcomeUnknown } from "../../core/StoreError.ts"
import type { StreamId } from "../../core/StreamId.ts"
import { effectOf, failingWith, mutant, type Needs } from "./ActorMutant.ts"
import { asking, defining, ending, limited, type Mutant, overStore } from "./Mutant.ts"

const stored = (result: StreamResult, request: Parameters<EventStore["Type"]["append"]>[0][number]): StreamResult => ({
  ...result,
  conflict: undefined,
  verdicts: request.commands.map(({ answer, command, commandId, fingerprint, outcome }): Verdict => {
    const { position, version } = result.head
    const { text, version: answerVersion } = answer({ position, version })
    const kept = { commandId, streamId: request.streamId, command, fingerprint, answer: text, answerVersion }
    return outcome === "unstored"
      ? { _tag: "Unstored" }
      : { _tag: "Stored", command: { ...kept, outcome, version, position } }
  })
})

export const batches: ReadonlyArray<Mutant<Needs>> = [
  mutant(
    "runs the effect of a decision twice at once",
    ["1,000 commands at once"],
    defining(({ decide }) => ({
      decide: (...args) => {
        const decision = decide(...args)
        const effect = effectOf(decision)
        return effect === undefined
          ? decision
          : Effect.map(Effect.all([effect, effect], { concurrency: "unbounded" }), ([events]) => events)
      }
    }))
  ),
  mutant(
    "lets a command of a hundred be overtaken",
    ["the commands of one sender", "20,000 commands"],
    asking(({ ask }) => {
      let count = 0
      return {
        ask: (asked) =>
          Effect.suspend(() => (++count % 100 === 50 ? Effect.zipRight(Effect.yieldNow(), ask(asked)) : ask(asked)))
      }
    })
  ),
  mutant(
    "does nothing else while the effect of a decision runs",
    ["a decision that waits", "when every place is taken"],
    asking(({ ask, register }) => {
      let busy: { readonly id: string; readonly ended: Deferred.Deferred<void> } | undefined
      return {
        register: (definition) =>
          register({
            ...definition,
            decide: (command, payload, state, context) => {
              const decision = definition.decide(command, payload, state, context)
              const effect = effectOf(decision)
              if (effect === undefined) return decision
              const ended = Deferred.unsafeMake<void>(context.commandId as never)
              busy = { id: context.id, ended }
              return Effect.ensuring(
                effect,
                Effect.suspend(() => {
                  busy = undefined
                  return Deferred.succeed(ended, undefined)
                })
              )
            }
          }),
        ask: (asked) =>
          Effect.suspend(() =>
            busy === undefined || busy.id === asked.id
              ? ask(asked)
              : Effect.zipRight(Deferred.await(busy.ended), ask(asked))
          )
      }
    })
  ),
  mutant(
    "compares an expected version at once, with what is committed",
    ["no answer, be it", "a command id is answered"],
    asking(({ ask, state }) => ({
      ask: (asked) => {
        const { aggregate, expectedVersion: expected, id } = asked
        if (expected === undefined) return ask(asked)
        return Effect.flatMap(state(aggregate, id), ({ version: actual }) =>
          actual === expected ? ask(asked) : new WrongExpectedVersion({ streamId: id as StreamId, expected, actual })
        )
      }
    }))
  ),
  mutant(
    "says that it does not know where the store was down",
    ["an append that fails"],
    overStore(({ append }) => ({
      append: (requests, place) =>
        Effect.catchTag(append(requests, place), "StoreUnavailable", (error) => new OutcomeUnknown({ cause: error }))
    }))
  ),
  mutant(
    "takes an event that cannot be stored for a defect",
    ["an event that cannot be stored"],
    ending((answer) => Effect.catchTag(answer, "UnencodableEvent", (error) => Effect.die(error)))
  ),
  mutant(
    "cuts a command id that is too long",
    ["a command that the store"],
    asking(({ ask }) => ({ ask: (asked) => ask({ ...asked, commandId: asked.commandId.slice(0, 255) }) }))
  ),
  mutant(
    "takes an expected version that is far away for any",
    ["an expected version that is none"],
    asking(({ ask }) => ({
      ask: ({ expectedVersion, ...asked }) =>
        ask({ ...asked, expectedVersion: (expectedVersion ?? 0) > 2 ** 40 ? undefined : expectedVersion })
    }))
  ),
  mutant(
    "refuses one command of ten thousand as if its mailbox were full",
    ["20,000 commands"],
    asking(({ ask }) => {
      let count = 0
      return {
        ask: (asked) =>
          Effect.suspend(() =>
            ++count % 10_000 === 0 ? new MailboxFull({ streamId: asked.id as StreamId, capacity: 10_000 }) : ask(asked)
          )
      }
    })
  ),
  mutant(
    "bounds its batches by their number alone",
    ["a batch is bounded by the size"],
    limited(() => ({ maxBatchCharacters: ActorConfig.defaults.maxBatchCharacters }))
  ),
  mutant(
    "bounds its batches by no time",
    ["a batch is bounded by the time"],
    limited(() => ({ maxBatchTime: Duration.hours(1) }))
  ),
  mutant(
    "says of a full mailbox that there are too many actors",
    ["a full mailbox", "a caller that goes"],
    failingWith((error) =>
      error._tag === "MailboxFull" ? new TooManyActors({ streamId: error.streamId, limit: error.capacity }) : error
    )
  )
]

export const conflicts: ReadonlyArray<Mutant<Needs>> = [
  mutant(
    "answers a refusal without a question to the store",
    ["after another writer's", "a stream that was cut"],
    overStore(({ append }) => ({
      append: (requests, place) => {
        const [request] = requests
        const { commands = [], expectedHash: hash = "", expectedVersion: version, streamId } = request ?? {}
        if (
          streamId === undefined ||
          typeof version !== "number" ||
          !commands.every(({ isNew, outcome }) => isNew && outcome === "unstored")
        ) {
          return append(requests, place)
        }
        const head: Head = { version, position: 0, hash }
        return Effect.succeed([
          { verdicts: commands.map(() => ({ _tag: "Unstored" as const })), head, conflict: undefined }
        ])
      }
    }))
  ),
  mutant(
    "decides once more than it should after conflicts",
    ["who loses"],
    limited(({ conflictRetries = ActorConfig.defaults.conflictRetries }) => ({ conflictRetries: conflictRetries + 1 }))
  ),
  mutant(
    "stores the last of a batch that met a conflict before the others",
    ["commands that are decided again", "two systems over one"],
    overStore(({ append }) => ({
      append: (requests, place) =>
        Effect.flatMap(append(requests, place), (results) => {
          const [request] = requests
          const last = request?.commands.at(-1)
          if (
            results[0]?.conflict === undefined ||
            request === undefined ||
            last === undefined ||
            request.commands.length < 2
          ) {
            return Effect.succeed(results)
          }
          const { expectedHash: _, ...alone } = { ...request, expectedVersion: "any" as const, commands: [last] }
          return Effect.map(append([alone]), ([one]) => {
            const dropped: Verdict = { _tag: "Dropped" }
            const verdicts = [...request.commands.slice(1).map(() => dropped), one?.verdicts[0] ?? dropped]
            return one === undefined ? results : [{ ...one, verdicts }]
          })
        })
    }))
  ),
  mutant(
    "reads a stream to know where it ends",
    ["a read folds"],
    overStore(({ head, readStream }) => ({
      head: (streamId) => Effect.zipRight(Effect.ignore(readStream(streamId, { limit: 1 })), head(streamId))
    }))
  ),
  mutant(
    "has a read wait for one of the same stream that does not end",
    ["reading what another writer"],
    overStore(({ readStream }) => {
      const locks = new Map<string, Effect.Semaphore>()
      return {
        readStream: (streamId, options) => {
          const lock = locks.get(streamId) ?? Effect.unsafeMakeSemaphore(1)
          locks.set(streamId, lock)
          return lock.withPermits(1)(readStream(streamId, options))
        }
      }
    })
  ),
  mutant(
    "loses a batch of three and more that meets a conflict",
    ["two systems over one"],
    overStore(({ append }) => ({
      append: (requests, place) =>
        Effect.map(append(requests, place), (results) =>
          results.map((result, index) => {
            const request = requests[index]
            return result.conflict === undefined || request === undefined || request.commands.length < 3
              ? result
              : stored(result, request)
          })
        )
    }))
  ),
  mutant(
    "takes the newest head of a stream that it saw for the stream's",
    ["a stream that is shorter"],
    overStore(({ head }) => {
      const seen = new Map<string, Head>()
      return {
        head: (streamId) =>
          Effect.map(head(streamId), (found) => {
            const known = seen.get(streamId)
            if (known !== undefined && known.version > found.version) return known
            seen.set(streamId, found)
            return found
          })
      }
    })
  ),
  mutant(
    "trusts the version of a stream alone",
    ["a stream that was cut"],
    overStore(({ append }) => ({
      append: (requests, place) =>
        append(
          requests.map(({ expectedHash: _, ...request }) => request),
          place
        )
    }))
  )
]
