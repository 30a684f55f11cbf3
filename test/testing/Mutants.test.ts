/**
 * The suites find what is wrong: each mutant fails the cases that it declares and no others, and each case of these
 * suites has a mutant that is made for it. Some of the mutants run, by the seed; `DAYBOOK_LONG=1`: all.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import * as Mutants from "../../src/testing/mutants/Mutants.ts"
import * as Suites from "../../src/testing/Suites.ts"
import * as Tampering from "../../src/testing/Tampering.ts"
import { shared } from "../conformance/shared.ts"
import { databases, local, readSides } from "../conformance/stores.ts"
import { isLong, random } from "../Random.ts"

const next = random("mutants")
/** How many of all run in the short form. */
const share = 0.03

const suites = Mutants.suites({
  events: EventStoreMemory.layer,
  snapshots: SnapshotStoreMemory.layer,
  system: local,
  readSide: Layer.orDie(readSides.memory),
  database: Layer.orDie(databases["sqlite::memory:"]),
  tampered: Layer.effectContext(Tampering.overMemory).pipe(Layer.provide(EventStoreMemory.layer)),
  shared: Layer.orDie(shared["sqlite::memory:"]),
  sharedOnPostgres: Layer.orDie(shared.postgres)
})
const trials = suites.flatMap((suite) => suite.trials)
const rules = suites.flatMap((suite) => suite.rules)

describe("mutants", () => {
  const undetected = suites.flatMap((suite) =>
    suite.rules.filter((rule) => !suite.trials.some((trial) => trial.rule === rule))
  )
  it(`${rules.length} rules, ${trials.length} mutants, ${undetected.length} undetected`, () => {
    assert.deepStrictEqual(undetected, [])
  })
  it("are of every suite", () => {
    const known = new Set(rules)
    const without = Object.entries(Suites).filter(([, cases]) => cases.some(({ name }) => !known.has(name)))
    assert.deepStrictEqual(
      without.map(([name]) => name),
      []
    )
  })
  for (const { subject, trials } of suites) {
    for (const { declared, failing, name } of trials) {
      it.live.runIf(isLong || next() < share)(
        `are found: ${subject} that ${name}`,
        () =>
          Effect.map(failing, (failed) => assert.deepStrictEqual(failed, declared)).pipe(
            Effect.provide(Logger.remove(Logger.defaultLogger))
          ),
        600_000
      )
    }
  }
})
