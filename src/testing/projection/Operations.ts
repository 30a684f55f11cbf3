/**
 * What `core/Operation.ts` promises of what operators do, on a log and the read side beside it. A store author runs
 * each case with fresh, empty stores over one database.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Effect, Option } from "effect"
import { appendOrFail, EventStore } from "../../core/EventStore.ts"
import * as Journal from "../../core/Journal.ts"
import * as Operation from "../../core/Operation.ts"
import { StreamId } from "../../core/StreamId.ts"
import { GenerationStore } from "../../projection/GenerationStore.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import type { Case } from "../Conformance.ts"
import { proposed } from "../ProposedCommand.ts"

const asked = { projection: "totals" }
const by = { principal: "anna", reason: "it is late", key: "k-1" }

const append = (commandId: string) =>
  Effect.flatMap(EventStore, (store) =>
    appendOrFail(store, [
      { streamId: StreamId.make("a"), expectedVersion: "any", commands: [proposed(commandId, { fingerprint: "2:aa" })] }
    ])
  )

const isPaused = Effect.gen(function* () {
  const row = yield* Effect.flatMap(GenerationStore, (generations) => generations.find("totals"))
  return Option.getOrUndefined(row)?.paused
})
const nothing = Effect.succeed({})
const pause = Effect.flatMap(GenerationStore, (generations) => Effect.as(generations.setPaused("totals", true), {}))
const begin = Effect.flatMap(GenerationStore, (generations) => generations.register("totals", "projection"))
const listed = Effect.map(Operation.page(0, 100), ({ operations }) => operations)

export const Operations: ReadonlyArray<Case<EventStore | ProjectionStore>> = [
  {
    name: "an operation is done and recorded, with who, why and what it found, and is listed apart from commands (RD7)",
    run: Effect.gen(function* () {
      yield* begin
      yield* append("c-1")
      const done = yield* Operation.run("projections.pause", asked, by, Effect.as(pause, { was: "running" }))
      yield* append("c-2")
      yield* Operation.run("projections.resume", asked, {}, nothing)
      strictEqual(yield* isPaused, true)
      strictEqual(done.replayed, false)
      const operations = yield* listed
      deepStrictEqual(
        operations.map(({ detail, key, kind, name, principal, reason, sequence }) => [
          sequence,
          kind,
          name,
          principal,
          reason,
          key,
          detail
        ]),
        [
          [2, "operation", "projections.pause", "anna", "it is late", "k-1", { projection: "totals", was: "running" }],
          [4, "operation", "projections.resume", null, null, null, { projection: "totals" }]
        ]
      )
      deepStrictEqual(operations[0], done)
      const page = yield* Operation.page(0, 1)
      ok(page.more && page.operations.length === 1)
      deepStrictEqual((yield* Operation.page(2, 1)).operations, operations.slice(1))
    })
  },
  {
    name: "the same operation under its key is done once, also by two at once (RD7)",
    run: Effect.gen(function* () {
      yield* begin
      let times = 0
      const count = Effect.zipRight(
        pause,
        Effect.sync(() => ({ times: ++times }))
      )
      const run = Operation.run("projections.pause", asked, by, count)
      const both = yield* Effect.all([run, run], { concurrency: 2 })
      const again = yield* run
      strictEqual(times, 1)
      deepStrictEqual(both.map(({ replayed }) => replayed).sort(), [false, true])
      for (const done of both) deepStrictEqual({ ...done, replayed: true }, again)
      deepStrictEqual(again.detail, { projection: "totals", times: 1 })
      strictEqual((yield* listed).length, 1)
    })
  },
  {
    name: "a key that was used for another operation, by another operator, or for a command is refused, and nothing is done (RD7)",
    run: Effect.gen(function* () {
      yield* begin
      yield* append("c-1")
      yield* Operation.run("projections.resume", asked, by, nothing)
      const others = [
        Operation.run("projections.pause", asked, by, pause),
        Operation.run("projections.resume", { projection: "other" }, by, pause),
        Operation.run("projections.resume", asked, { ...by, principal: "bert" }, pause),
        Operation.run("projections.resume", asked, { ...by, reason: null }, pause),
        Operation.run("projections.pause", asked, { ...by, key: "c-1" }, pause)
      ]
      for (const other of others) strictEqual((yield* Effect.flip(other))._tag, "CommandIdReused")
      strictEqual((yield* Effect.flip(append("k-1")))._tag, "CommandIdReused")
      strictEqual(yield* isPaused, false)
      strictEqual((yield* listed).length, 1)
    })
  },
  {
    name: "work that fails leaves no entry, and its key is free (RD7)",
    run: Effect.gen(function* () {
      const failed = yield* Effect.flip(Operation.run("projections.pause", asked, by, Effect.fail("no" as const)))
      strictEqual(failed, "no")
      const store = yield* EventStore
      strictEqual((yield* store.journalHead).sequence, 0)
      yield* Operation.run("projections.resume", asked, by, nothing)
      const { entries } = yield* store.readJournal(0)
      const [entry] = entries
      ok(entry !== undefined && entries.length === 1)
      strictEqual(
        Journal.damage({ sequence: 0, hash: Journal.genesis((yield* store.identity).logId) }, entry),
        undefined
      )
    })
  },
  {
    name: "texts that no store takes are refused by name (RD7)",
    run: Effect.gen(function* () {
      for (const [name, wrong] of [
        ["key", { key: "" }],
        ["key", { key: "k".repeat(256) }],
        ["reason", { reason: "\ud800" }],
        ["reason", { reason: "r".repeat(Journal.maxReasonLength + 1) }],
        ["principal", { principal: "a\0b" }]
      ] as const) {
        const error = yield* Effect.flip(Operation.run("projections.pause", asked, { ...by, ...wrong }, nothing))
        ok(error._tag === "InvalidArgument" && error.argument === name, `${name}: ${error}`)
      }
      strictEqual((yield* listed).length, 0)
    })
  }
]

/** Where log and read side are one database, and so one transaction; memory has two. */
export const OperationAtomicity: ReadonlyArray<Case<EventStore | ProjectionStore>> = [
  {
    name: "what failed work had changed is undone (RD7)",
    run: Effect.gen(function* () {
      yield* begin
      const work = Effect.zipRight(pause, Effect.fail("no" as const))
      strictEqual(yield* Effect.flip(Operation.run("projections.pause", asked, by, work)), "no")
      strictEqual(yield* isPaused, false)
    })
  }
]
