/** What is kept of statements has a bound, whatever is asked. */
import { assert, it } from "vitest"
import { StatementCache } from "../../src/sql/StatementCache.ts"

it("makes each text once while it is kept, and forgets the least recently used beyond the bound", () => {
  const made: Array<string> = []
  const cache = new StatementCache(2, (sql) => {
    made.push(sql)
    return { sql }
  })
  const a = cache.get("a")
  cache.get("b")
  assert.strictEqual(cache.get("a"), a)
  // In the place of b.
  cache.get("c")
  assert.strictEqual(cache.get("a"), a)
  cache.get("b")
  assert.deepStrictEqual(made, ["a", "b", "c", "b"])
})
