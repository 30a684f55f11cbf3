/** Ids that Daybook makes: UUIDs of version 7, each once, in the order of their times. */
import { assert, describe, it } from "vitest"
import * as CommandId from "../../src/core/CommandId.ts"

const form = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const timeOf = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)

describe("a new id", () => {
  it("is a UUID of version 7 with the time of now, and no other has it", () => {
    const before = Date.now()
    const ids = Array.from({ length: 10_000 }, CommandId.make)
    const after = Date.now()
    for (const id of ids) {
      assert.match(id, form)
      assert.isAtLeast(timeOf(id), before)
      assert.isAtMost(timeOf(id), after)
    }
    assert.strictEqual(new Set(ids).size, ids.length)
  })
})
