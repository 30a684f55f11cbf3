/** `OperationView` is what an operator did, as clients see it: its entry in the journal. */
import { Schema } from "effect"
import type * as Operation from "../core/Operation.ts"

export const example = {
  sequence: 42,
  kind: "operation",
  name: "projections.skip",
  principal: "anna",
  reason: "the row was imported twice",
  key: null,
  detail: { projection: "order_totals", streamId: "order-7", position: 2 },
  recordedAt: "2026-01-31T12:00:00.000Z"
} as const
/** What an operator did, as its entry in the journal says. */
export const OperationView = Schema.Struct({
  sequence: Schema.Int,
  kind: Schema.Literal("operation", "epoch"),
  name: Schema.String,
  principal: Schema.NullOr(Schema.String),
  reason: Schema.NullOr(Schema.String),
  key: Schema.NullOr(Schema.String),
  detail: Schema.Unknown,
  recordedAt: Schema.String
}).annotations({
  identifier: "Operation",
  description: "`sequence`: of its entry in the journal. `detail`: what it was done with, and what it found.",
  examples: [example]
})
export type OperationView = typeof OperationView.Type

export const of = ({ recordedAt, replayed: _, ...done }: Operation.Done): OperationView => ({
  ...done,
  recordedAt: new Date(recordedAt).toISOString()
})
