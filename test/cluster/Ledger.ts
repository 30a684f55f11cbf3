/**
 * What clients of a cluster were told, against what is in its log: each deposit that was acknowledged is there once,
 * under its id and at its version, and nothing else is.
 */
import { assert } from "@effect/vitest"
import { Duration, Effect } from "effect"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import * as Service from "../http/Service.ts"
import { log } from "../sql/Log.ts"

interface Acknowledged {
  readonly accountId: string
  readonly commandId: string
  readonly version: number
}

export const make = (urls: ReadonlyArray<string>) => {
  const acknowledged: Array<Acknowledged> = []
  /** Answers that were none, by their kind. */
  const failures = new Map<string, number>()
  let sent = 0
  let slowest = 0

  /**
   * Under one key until it is done; on the next of the nodes after each answer that is none, or on one of them alone.
   */
  const insist = Effect.fnUntraced(function* (
    first: number,
    path: string,
    key: string,
    body: object,
    { only = false, patience = Duration.seconds(3) as Duration.DurationInput } = {}
  ) {
    const from = Date.now()
    for (let at = first; ; at += only ? 0 : 1) {
      const answer = yield* Service.tryAsk(`${urls[at % urls.length]}${path}`, { body, key }).pipe(
        Effect.timeout(patience),
        Effect.either
      )
      const status = answer._tag === "Right" ? answer.right.status : 0
      if (answer._tag === "Right" && status < 300) {
        slowest = Math.max(slowest, Date.now() - from)
        return answer.right.json as { readonly commandId: string; readonly version: number }
      }
      const what = answer._tag === "Left" ? "no answer" : `${status} ${Service.problem(answer.right).code}`
      failures.set(what, (failures.get(what) ?? 0) + 1)
      assert.include([0, 503], status, what)
      yield* Effect.sleep("100 millis")
    }
  })

  const open = (accountId: string, node: number) => {
    sent++
    return insist(node, "/accounts", `open-${accountId}`, { accountId, owner: "Anna", currency: "EUR" })
  }

  const deposit = (accountId: string, node: number, options?: Parameters<typeof insist>[4]) =>
    Effect.map(
      insist(node, `/accounts/${accountId}/deposits`, `d-${sent++}`, { amount: "1" }, options),
      ({ commandId, version }) => void acknowledged.push({ accountId, commandId, version })
    )

  /** Once all have been answered: the log has what was acknowledged, and no more. */
  const check = (url: string) =>
    Effect.gen(function* () {
      const events = yield* Effect.provide(log, PostgresStore.layer({ url, mode: "readOnly" }))
      const stored = new Map<string, string>()
      for (const { commandId, streamId, version } of events) {
        assert.isFalse(stored.has(commandId), `${commandId} was applied twice`)
        stored.set(commandId, `${streamId} ${version}`)
      }
      for (const { accountId, commandId, version } of acknowledged) {
        assert.strictEqual(stored.get(commandId), `account-${accountId} ${version}`, "it was acknowledged")
      }
      assert.strictEqual(events.length, sent)
      return events
    })

  return {
    open,
    deposit,
    check,
    failures,
    acknowledged,
    /** The longest wait for an answer since the last look, in milliseconds. */
    takeSlowest: () => {
      const worst = slowest
      slowest = 0
      return worst
    }
  }
}
