/** Event stores with one fault each, for the rules of `EventStoreConformance` and `JournalConformance`. */
import { type Clock, Effect, PubSub, Stream } from "effect"
import {
  type AppendRequest,
  type AppendResult,
  EventStore,
  type ProposedCommand,
  type StreamResult,
  type Verdict
} from "../../core/EventStore.ts"
import * as EventStoreMemory from "../../core/EventStoreMemory.ts"
import type { StoredEvent } from "../../core/StoredEvent.ts"
import { InvalidArgument, VersionConflict } from "../../core/StoreError.ts"
import { StreamId } from "../../core/StreamId.ts"
import { changing, type Fails, type Mutant, proposing, requesting } from "./Mutant.ts"
import { storeMutant as mutant } from "./PortMutant.ts"

type Store = EventStore["Type"]

/** With what is said of each request of an append changed. */
const answering =
  (change: (result: StreamResult, request: AppendRequest, all: AppendResult) => StreamResult) =>
  ({ append }: Store): Partial<Store> => ({
    append: (requests, place) =>
      Effect.map(append(requests, place), (results) =>
        results.map((result, index) => change(result, requests[index] as AppendRequest, results))
      )
  })

/** In memory, with another bound to how far events may be ahead of the clock than it says. */
const withLead = (name: string, fails: Fails, maxClockLead: number): Mutant<EventStore> => ({
  name,
  fails,
  of: (sound) =>
    changing(EventStore, () => ({
      maxClockLead: Effect.runSync(Effect.provide(EventStore, sound)).maxClockLead
    }))(EventStoreMemory.layerWith({ maxClockLead }))
})

/** Runs an effect by a clock that shows another time. */
const byClock = <A, E, R>(change: (millis: number) => number, effect: Effect.Effect<A, E, R>) =>
  Effect.clockWith((inner) => {
    const unsafeCurrentTimeMillis = () => change(inner.unsafeCurrentTimeMillis())
    const shown: Clock.Clock = Object.assign(Object.create(inner), {
      unsafeCurrentTimeMillis,
      currentTimeMillis: Effect.sync(unsafeCurrentTimeMillis)
    })
    return Effect.withClock(effect, shown)
  })

const dropped: Verdict = { _tag: "Dropped" }

export const EventStoreMutants: ReadonlyArray<Mutant<EventStore>> = [
  mutant("says of a stream without events a head without a hash", ["appends 3 events"], ({ head }) => ({
    head: (streamId) => Effect.map(head(streamId), (found) => (found.version > 0 ? found : { ...found, hash: "" }))
  })),
  mutant(
    "says in a conflict that it found what was expected",
    ["a stale or too high", "a conflict says"],
    answering((result) => {
      const { conflict } = result
      return conflict === undefined || typeof conflict.expected !== "number"
        ? result
        : { ...result, conflict: new VersionConflict({ ...conflict, actual: conflict.expected }) }
    })
  ),
  mutant(
    "takes a stream that must exist for any",
    ["each expectation"],
    requesting((request) => (request.expectedVersion === "exists" ? { ...request, expectedVersion: "any" } : request))
  ),
  mutant(
    "trusts the version alone",
    ["another event at"],
    requesting(({ expectedHash: _, ...request }) => request)
  ),
  mutant(
    "keeps nothing of a success without events",
    ["an append without", "each command of an append", "a success, a kept", "appends of many"],
    proposing((command) =>
      command.outcome === "success" && command.events.length === 0 ? { ...command, outcome: "unstored" } : command
    )
  ),
  mutant("writes three events of a command before it looks at the fourth", ["a batch whose fourth"], ({ append }) => ({
    append: (requests, place) =>
      Effect.tap(append(requests, place), (results) => {
        const begun = requests.map((request, index) => ({
          streamId: request.streamId,
          expectedVersion: "any" as const,
          commands: request.commands
            .filter(({ events }, at) => events.length > 3 && results[index]?.verdicts[at]?._tag === "Refused")
            .map((command) => ({ ...command, events: command.events.slice(0, 3) }))
        }))
        return begun.some(({ commands }) => commands.length > 0) ? append(begun) : Effect.void
      })
  })),
  mutant("appends to each stream in a transaction of its own", ["an append to two"], ({ append }) => ({
    append: (requests, place) =>
      Effect.map(
        Effect.forEach(requests, (one) => append([one], place)),
        (all) => all.flat()
      )
  })),
  mutant("takes any version for the one that it saw", ["100 appends"], ({ append, head }) => ({
    append: (requests, place) =>
      Effect.flatMap(
        Effect.forEach(requests, (each) =>
          each.expectedVersion !== "any" || each.expectedHash !== undefined
            ? Effect.succeed(each)
            : Effect.map(head(each.streamId), ({ version }) => ({ ...each, expectedVersion: version }))
        ),
        (seen) => Effect.zipRight(Effect.yieldNow(), append(seen, place))
      )
  })),
  mutant("gives its own objects to its readers", ["what is stored does"], ({ readStream }) => {
    const given = new Map<number, StoredEvent>()
    const own = (event: StoredEvent) => {
      const known = given.get(event.position) ?? { ...event }
      given.set(event.position, known)
      return known
    }
    return {
      readStream: (streamId, options) =>
        Effect.map(readStream(streamId, options), (page) => ({ ...page, events: page.events.map(own) }))
    }
  }),
  withLead("follows a clock that goes back", ["recordedAt is", "after an event further", "the time of entries"], 1),
  mutant(
    "gives an event the time of what is before it, however far that is ahead",
    ["after an event further", "after an entry"],
    ({ append, journalHead }) => ({
      append: (requests, place) =>
        Effect.flatMap(Effect.orDie(journalHead), ({ recordedAt }) =>
          byClock((millis) => Math.max(millis, recordedAt), append(requests, place))
        )
    })
  ),
  mutant("says of no page backwards that more follow", ["pages have the bounds"], ({ readStream }) => ({
    readStream: (streamId, options) =>
      Effect.map(readStream(streamId, options), ({ events, more }) => ({
        events,
        more: more && options?.direction !== "backwards"
      }))
  })),
  mutant("takes a negative bound for 0", ["bounds that are"], ({ readStream }) => ({
    readStream: (streamId, { from = 1, ...options } = {}) =>
      readStream(streamId, { ...options, from: from < 0 ? 0 : from })
  })),
  mutant("says after each full page of the log that more follow", ["pages of the log"], ({ readAll }) => ({
    readAll: (after, limit = 1_000) =>
      Effect.map(readAll(after, limit), ({ events, more }) => ({ events, more: more || events.length === limit }))
  })),
  mutant("says where its log ended an append ago", ["a store that is written"], ({ append, lastPosition }) => {
    let end = 0
    return {
      append: (requests, place) =>
        Effect.zipRight(
          Effect.map(Effect.orDie(lastPosition), (position) => {
            end = position
          }),
          append(requests, place)
        ),
      writtenEnd: Effect.sync(() => end)
    }
  }),
  mutant("takes two forms of one letter for one", ["text comes back"], ({ append, head, readStream }) => {
    const isOne = (streamId: string) => streamId !== "" && streamId.length <= 512 && !streamId.includes("\0")
    const folded = (streamId: StreamId) => (isOne(streamId) ? StreamId.make(streamId.normalize("NFC")) : streamId)
    return {
      append: (requests, place) =>
        append(
          requests.map((each) => ({ ...each, streamId: folded(each.streamId) })),
          place
        ),
      head: (streamId) => head(folded(streamId)),
      readStream: (streamId, options) => readStream(folded(streamId), options)
    }
  }),
  mutant("takes a prefix for a pattern", ["streams with special"], ({ listStreams }) => ({
    listStreams: ({ prefix = "", ...options } = {}) =>
      listStreams({ ...options, prefix: prefix.replace(/[%_].*$/su, "") })
  })),
  mutant("wakes its reader once for each commit", ["commits wake"], ({ append }) => {
    const woken = Effect.runSync(PubSub.unbounded<void>())
    return {
      append: (requests, place) => Effect.zipLeft(append(requests, place), woken.publish()),
      commits: Stream.fromPubSub(woken)
    }
  }),
  mutant(
    "compares versions before ids",
    ["a command id that was", "what is stored does", "a conflict says"],
    answering((result) =>
      result.conflict === undefined
        ? result
        : { ...result, verdicts: result.verdicts.map((one) => (one._tag === "StoredBefore" ? dropped : one)) }
    )
  ),
  mutant(
    "keeps what is not to be kept",
    ["an unstored command", "a success, a kept"],
    proposing((command) => (command.outcome === "unstored" ? { ...command, outcome: "success" } : command))
  ),
  mutant(
    "takes each command of an id for the one that it stored",
    ["a command id with another"],
    proposing((command) => ({ ...command, recognizes: () => true }))
  ),
  mutant(
    "cuts a correlation that is too long",
    ["ids, fingerprints"],
    proposing((command) => ({ ...command, correlationId: command.correlationId.slice(0, 1_024) }))
  ),
  mutant(
    "cuts data that is too long",
    ["data of 1 MiB", "each command of an append"],
    proposing((command) => ({
      ...command,
      events: command.events.map((event) => ({ ...event, data: event.data.slice(0, 1_048_576) }))
    }))
  ),
  mutant(
    "stores a command whose answer cannot be made",
    ["an answer that cannot be made", "each command of an append"],
    proposing((command) => ({
      ...command,
      answer: (at) => {
        try {
          return command.answer(at)
        } catch {
          return { text: "null", version: 1 }
        }
      }
    }))
  ),
  mutant(
    "says that it refused what it only dropped",
    ["each command of an append", "one id twice"],
    answering((result, _, all) => {
      if (all.length > 1 || result.conflict !== undefined) return result
      const error = new InvalidArgument({ argument: "commands", reason: "stand behind one that is refused" })
      const refused: Verdict = { _tag: "Refused", error }
      return { ...result, verdicts: result.verdicts.map((one) => (one._tag === "Dropped" ? refused : one)) }
    })
  ),
  mutant(
    "says in a conflict that the stream ends where it was expected to",
    ["a conflict says"],
    answering((result, { expectedVersion }) =>
      result.conflict === undefined || typeof expectedVersion !== "number"
        ? result
        : { ...result, head: { ...result.head, version: expectedVersion } }
    )
  ),
  mutant("takes an id that stands twice in an append for a replay", ["one id twice"], ({ append }) => ({
    append: ([request, ...others], place) => {
      if (request === undefined || others.length > 0) return append(request ? [request, ...others] : [], place)
      const firstOf = (command: ProposedCommand) =>
        request.commands.findIndex(({ commandId }) => commandId === command.commandId)
      const commands = request.commands.filter((command, index) => firstOf(command) === index)
      return Effect.map(append([{ ...request, commands }], place), (results) =>
        results.map((result) => ({
          ...result,
          verdicts: request.commands.map((command, index): Verdict => {
            const verdict = result.verdicts[commands.indexOf(request.commands[firstOf(command)] ?? command)] ?? dropped
            return verdict._tag === "Stored" && firstOf(command) !== index
              ? { _tag: "StoredBefore", command: verdict.command }
              : verdict
          })
        }))
      )
    }
  })),
  mutant(
    "forgets the version of an answer",
    ["a success, a kept"],
    proposing((command) => ({ ...command, answer: (at) => ({ ...command.answer(at), version: 1 }) }))
  ),
  mutant("is in its first epoch for ever", ["an operation and an epoch"], ({ identity }) => ({
    identity: Effect.map(identity, (found) => ({ ...found, epoch: 1 }))
  })),
  mutant("says of no head how many events are before it", ["the head is"], ({ journalHead }) => ({
    journalHead: Effect.map(journalHead, (found) => ({ ...found, position: 0 }))
  })),
  mutant("loses each fiftieth entry", ["appends of many"], ({ readJournal }) => ({
    readJournal: (after, limit) =>
      Effect.map(readJournal(after, limit), ({ entries, more }) => ({
        entries: entries.filter(({ sequence }) => sequence % 50 !== 0),
        more
      }))
  })),
  mutant("knows no refusal for a stream's last entry", ["the last entry of"], ({ lastEntry }) => ({
    lastEntry: (streamId) =>
      Effect.map(lastEntry(streamId), (entry) => (entry?.outcome === "refusal" ? undefined : entry))
  })),
  mutant("rounds the time of an operation up", ["the time of entries"], ({ record }) => ({
    record: (operation) => byClock(Math.ceil, record(operation))
  })),
  mutant(
    "gives an operation the time of what is before it, however far that is ahead",
    ["after an entry"],
    (store) => ({
      record: (operation) =>
        Effect.flatMap(store.journalHead, ({ recordedAt }) =>
          byClock((millis) => Math.max(millis, recordedAt), store.record(operation))
        )
    })
  )
]
