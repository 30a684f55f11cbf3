/**
 * `daybook serve --cluster` as an operator meets it: two processes on loopback, one of which is asked for what the
 * other has.
 */
import { createServer } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { EventStore } from "../../src/core/EventStore.ts"
import { StreamId } from "../../src/core/StreamId.ts"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import { proposed } from "../../src/testing/ProposedCommand.ts"
import * as Cli from "../cli/Cli.ts"
import * as Service from "../http/Service.ts"
import { schema } from "../sql/Postgres.ts"
import * as Nodes from "./Nodes.ts"

const { ask } = Service

describe("serve --cluster", () => {
  it.scopedLive("any node reaches any account, and one that leaves in order is replaced at once", () =>
    Effect.gen(function* () {
      const url = yield* schema
      const [first, second] = yield* Nodes.start(Cli.program(), url, 2)
      assert(first !== undefined && second !== undefined)
      // Both hold some of the shards, so that each of them owns some of the accounts.
      const ids = Array.from({ length: 24 }, (_, number) => `account-${number}`)
      const deposit = (node: Service.Running, accountId: string, key: string) =>
        ask(`${node.url}/accounts/${accountId}/deposits`, { body: { amount: "1" }, key })
      const each = <A, E, R>(run: (accountId: string) => Effect.Effect<A, E, R>) =>
        Effect.forEach(ids, run, { concurrency: 8 })

      yield* each((accountId) =>
        Effect.gen(function* () {
          const opened = yield* ask(`${first.url}/accounts`, { body: { accountId, owner: "Anna", currency: "EUR" } })
          assert.strictEqual(opened.status, 201)
          const through = yield* Effect.forEach([first, second], (node, at) =>
            deposit(node, accountId, `${accountId}-${at}`)
          )
          assert.deepStrictEqual(
            through.map(({ json, status }) => [status, json.version]),
            [
              [200, 2],
              [200, 3]
            ]
          )
        })
      )

      first.process.kill("SIGTERM")
      assert.strictEqual(yield* first.ended, 0)
      assert.isFalse((yield* Nodes.holders(url)).has(first.address), "it left its shards behind")
      yield* each((accountId) =>
        Effect.gen(function* () {
          const again = yield* deposit(second, accountId, `${accountId}-0`)
          assert.deepStrictEqual([again.status, again.headers.get("idempotency-replayed")], [200, "true"])
          assert.strictEqual((yield* deposit(second, accountId, `${accountId}-2`)).json.version, 4)
        })
      )
    })
  )

  it.scopedLive(
    "two schemas of one database are two clusters, and an event of a later release stops its account alone",
    () =>
      Effect.gen(function* () {
        const urls = [yield* schema, yield* schema]
        const nodes = yield* Effect.all(
          urls.map((url) => {
            // As the page writes it.
            const address = url.replace("c+search_path", "c%20search_path")
            assert.notStrictEqual(address, url)
            return Nodes.start(Cli.program(), address, 1)
          }),
          { concurrency: 2 }
        )
        for (const [at, [node]] of nodes.entries()) {
          assert.deepStrictEqual([...(yield* Nodes.holders(urls[at] ?? ""))], [[node?.address, 300]])
          for (const accountId of ["anna", "bert"]) {
            const opened = yield* ask(`${node?.url}/accounts`, { body: { accountId, owner: "Anna", currency: "EUR" } })
            assert.strictEqual(opened.status, 201, "the other cluster's account is in its way")
          }
        }

        const [url = ""] = urls
        const node = nodes[0]?.[0]?.url
        const streamId = StreamId.make("account-anna")
        const later = { type: "Deposited", schemaVersion: 99, data: '{"of":"a later release"}' }
        yield* Effect.flatMap(EventStore, (store) =>
          store.append([
            { streamId, expectedVersion: 1, commands: [proposed("later", { isNew: true, events: [later] })] }
          ])
        ).pipe(Effect.provide(PostgresStore.layer({ url })))
        const deposit = (accountId: string) =>
          ask(`${node}/accounts/${accountId}/deposits`, { body: { amount: "1" }, key: `d-${accountId}` })
        const failed = yield* deposit("anna")
        assert.deepStrictEqual([failed.status, Service.problem(failed).code], [503, "newer-release"])
        assert.strictEqual((yield* deposit("bert")).status, 200)
      })
  )

  it.scopedLive(
    "says in one line what keeps it from joining, and ends with 1, or with 2 where it was told something wrong",
    () =>
      Effect.gen(function* () {
        const db = ["--db", yield* schema]
        const taken = createServer()
        const port = yield* Effect.acquireRelease(
          Effect.async<number>((resume) => {
            taken.listen(0, "127.0.0.1", () => resume(Effect.succeed((taken.address() as { port: number }).port)))
          }),
          () => Effect.sync(() => taken.close())
        )
        const cases: ReadonlyArray<readonly [args: ReadonlyArray<string>, code: number, says: RegExp]> = [
          [[...db, "--cluster", `127.0.0.1:${port}`], 1, /cannot join .* the port is taken/],
          [[...db, "--cluster", "192.0.2.1:4000"], 1, /cannot join .* none of this machine's/],
          [[...db, "--cluster", "127.0.0.1"], 2, /HOST:PORT/],
          [[...db, "--cluster", "127.0.0.1:0"], 2, /HOST:PORT/],
          [["--db", "sqlite::memory:", "--cluster", "127.0.0.1:4000"], 2, /PostgreSQL/]
        ]
        yield* Effect.forEach(
          cases,
          ([args, expected, says]) =>
            Effect.gen(function* () {
              const { code, stderr } = yield* Cli.run(["serve", "--port", "0", ...args])
              const lines = stderr.split("\n").filter((line) => line.startsWith("daybook: "))
              assert.strictEqual(code, expected, stderr)
              assert.strictEqual(lines.length, 1, stderr)
              assert.match(lines[0] ?? "", says)
            }),
          { concurrency: 2 }
        )
      })
  )
})
