/** What a test may say of every problem. */
import { assert } from "@effect/vitest"
import { type Code, codes } from "../../src/bank/http/BankProblem.ts"
import { type Answer, problem } from "./Service.ts"

/** A problem as RFC 9457 and the contract have it, and nothing of the inside in it. */
export const assertProblem = (answer: Answer, code: Code): void => {
  const body = problem(answer)
  assert.strictEqual(body?.code, code, `${answer.status} ${answer.text}`)
  assert.strictEqual(answer.status, codes[code].status)
  assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
  assert.strictEqual(body.status, answer.status)
  for (const field of [body.type, body.title, body.detail, body.instance]) assert.isString(field)
  assert.notMatch(answer.text, /\\n\s*at |node_modules|\.ts\b|\.js\b|SELECT|sqlite|\/tmp/i)
  if (answer.status >= 500) assert.isString(body.correlationId)
  if (answer.status === 503) assert.match(answer.headers.get("retry-after") ?? "", /^\d+$/)
}
