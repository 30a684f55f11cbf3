/**
 * What a mutant fails is told from what a slow machine has not done yet: on a clock that stands still until it is
 * moved.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, TestClock } from "effect"
import { declared, failing } from "../../src/testing/mutants/Mutant.ts"

/** Whether a case is run on the mutant. */
class IsMutant extends Context.Tag("test/IsMutant")<IsMutant, boolean>() {}
const mutant = Layer.succeed(IsMutant, true)
const sound = Layer.succeed(IsMutant, false)

const taking = (seconds: (isMutant: boolean) => number) => ({
  name: "a case",
  run: Effect.flatMap(IsMutant, (isMutant) => Effect.sleep(seconds(isMutant) * 1_000))
})

/** What `failing` says of a case, however long that takes. */
const told = Effect.fnUntraced(function* (each: ReturnType<typeof taking>) {
  const fiber = yield* Effect.fork(failing([each], mutant, sound))
  while ((yield* Fiber.poll(fiber))._tag === "None") yield* TestClock.adjust("5 seconds")
  return yield* Effect.exit(Fiber.join(fiber))
})

describe("a case of a mutant", () => {
  it.effect("that never ends is one that it fails, where the sound implementation ends it at once", () =>
    Effect.map(told(taking((isMutant) => (isMutant ? Number.POSITIVE_INFINITY : 0))), (exit) =>
      assert.deepStrictEqual(exit, Exit.succeed(["a case"]))
    )
  )

  it.effect("that takes long on both is none that it fails", () =>
    Effect.map(told(taking(() => 50)), (exit) => assert.deepStrictEqual(exit, Exit.succeed([])))
  )

  it.effect("that stood still once is none that it fails: it is looked at once more", () => {
    let runs = 0
    return Effect.map(told(taking((isMutant) => (isMutant && ++runs === 1 ? 50 : 0))), (exit) => {
      assert.deepStrictEqual(exit, Exit.succeed([]))
      assert.strictEqual(runs, 2)
    })
  })

  it.effect("that ends on neither says nothing of the mutant: the run dies and says which it is", () =>
    Effect.map(told(taking(() => Number.POSITIVE_INFINITY)), (exit) =>
      assert.match(String(exit), /nothing ends: a case/)
    )
  )

  it.effect("that fails at once on the sound implementation as well says nothing of the mutant", () =>
    Effect.map(
      told({
        name: "a case",
        run: Effect.flatMap(IsMutant, (isMutant) => (isMutant ? Effect.never : Effect.die("broken")))
      }),
      (exit) => assert.match(String(exit), /the sound implementation fails: a case/)
    )
  )

  it("is declared by how its name begins, which is that of one case", () => {
    const cases = [taking(() => 1), { ...taking(() => 1), name: "another case" }]
    const of = (start: string) => () => declared({ name: "does it wrong", fails: [start], of: (layer) => layer }, cases)
    assert.deepStrictEqual(of("a case")(), ["a case"])
    assert.throws(of("no case"), '0 cases begin with "no case"')
    assert.throws(of("a"), '2 cases begin with "a"')
  })
})
