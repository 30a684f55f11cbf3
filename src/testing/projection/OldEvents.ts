/** What a projection sees of events with a past: what became of them, at the place where they are stored. */
import { deepStrictEqual, ok } from "node:assert"
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect, Schema } from "effect"
import * as Event from "../../core/Event.ts"
import * as Projection from "../../projection/Projection.ts"
import { ReadModels } from "../../projection/ReadModels.ts"
import { appendRaw, caughtUp, halted, model, note, notes, running, status, until } from "../Notes.ts"
import type { ProjectionCase } from "./ProjectionCase.ts"

const Counted = Event.make("Counted", { text: Schema.String })

const upcast = Projection.make({
  name: "upcast",
  version: 1,
  events: [
    Event.make("Old", { text: Schema.String })
      .next({ text: Schema.String, by: Schema.Int }, ({ text }) => ({ text, by: 1 }))
      .renamed("New"),
    Counted,
    Event.make("Three", { text: Schema.String }).split([Counted], ({ text }) =>
      ["x", "y", "z"].map((part) => Counted.stored({ text: text + part }))
    ),
    Event.make("Gone", { text: Schema.String }).retired()
  ],
  tables: ["upcast"],
  create: ({ upcast }) => [`CREATE TABLE ${upcast} (text TEXT NOT NULL, position INTEGER)`],
  apply: (batch, { upcast }) =>
    Effect.gen(function* () {
      const sql = yield* SqlClient
      for (const { event, stored } of batch) {
        const text = event._tag === "New" ? `${event.text} by ${event.by}` : event.text
        yield* sql.unsafe(`INSERT INTO ${upcast} (text, position) VALUES (?, ?)`, [text, stored.position])
      }
    })
})

export const OldEvents: ReadonlyArray<ProjectionCase> = [
  {
    name: "an event of newer code stops the projection, which names it and overwrites nothing (UP5)",
    run: Effect.gen(function* () {
      yield* note("a", "one")
      yield* appendRaw("a", [{ schemaVersion: 9, data: '{"text":"from the future"}' }])
      yield* running(
        [notes()],
        Effect.gen(function* () {
          const now = yield* until(halted)
          ok(now.lastError?.error.includes("newer code"), now.lastError?.error)
          deepStrictEqual([now.lastError?.streamId, now.lastError?.version, now.rebuild?.position], ["a", 2, 1])
        })
      )
    })
  },
  {
    name: "a projection sees what each old event became, one, many or none, at the stored position (UP1 UP6)",
    run: Effect.gen(function* () {
      const end = yield* appendRaw("a", [
        { type: "Old", data: '{"text":"one"}' },
        { type: "Three", data: '{"text":"two"}' },
        { type: "Gone", data: '{"text":"three"}' }
      ])
      yield* running([upcast], caughtUp(end, "upcast"))
      const models = yield* ReadModels
      deepStrictEqual(yield* models.query("SELECT text, position FROM upcast ORDER BY position, text", []), [
        ["one by 1", 1],
        ["twox", 2],
        ["twoy", 2],
        ["twoz", 2]
      ])
    })
  },
  {
    name: "an unknown type is passed over; one that is wanted and cannot be read halts or parks at once (UP7 UP8)",
    run: Effect.gen(function* () {
      yield* appendRaw("a", [{ type: "Unheard", data: "{" }, { data: '{"text":"one"}' }])
      yield* appendRaw("b", [{ data: '{"text":' }])
      const end = yield* note("a", "two")
      yield* running(
        [notes({ onFailure: "park" })],
        Effect.gen(function* () {
          yield* caughtUp(end)
          const [letter] = (yield* status()).deadLetters
          deepStrictEqual([letter?.streamId, letter?.attempts], ["b", 1])
        })
      )
      deepStrictEqual(yield* model(), { a: "2: one two" })
    })
  }
]
