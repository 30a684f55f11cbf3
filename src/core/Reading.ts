/**
 * `Reading` is a figure that is read when somebody asks for it, beside those that are counted as things happen.
 * Whatever holds one (a database, a cluster, the process) gives a `Source` of them; `http/Figures.ts` asks the sources.
 */
import type { Effect } from "effect"

/** Units by their codes in UCUM, as OpenTelemetry has them. */
export type Unit = "s" | "By"

/** The tag under which a metric of Effect has its unit: exporters take it from there. */
export const unitTag = "unit"

export interface Reading {
  /** By OpenTelemetry's conventions, without a unit. */
  readonly name: string
  readonly description: string
  /** `counter`: it only grows while the process runs. */
  readonly kind: "gauge" | "counter"
  /** Null where it is a number of things. */
  readonly unit: Unit | null
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export type Source = Effect.Effect<ReadonlyArray<Reading>, Error>

/** A gauge without labels. */
export const gauge = (name: string, unit: Unit | null, description: string, value: number): Reading => ({
  name,
  description,
  kind: "gauge",
  unit,
  labels: {},
  value
})
