/** OP8: each alert rule fires and clears on what was recorded of a service that was really brought into the state. */
import { execFileSync, spawnSync } from "node:child_process"
import { closeSync, copyFileSync, openSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "./cli/Cli.ts"
import * as Nodes from "./cluster/Nodes.ts"
import * as Service from "./http/Service.ts"
import * as OpenedAt from "./OpenedAt.ts"
import * as Promtool from "./Promtool.ts"
import { schema } from "./sql/Postgres.ts"
import { tamper } from "./sql/Tamper.ts"
import { temporaryFolder } from "./sql/TemporaryFolder.ts"

const { ask } = Service
const timeout = 120_000
const hour = 3_600_000

const metrics = (url: string) => Effect.map(ask(`${url}/metrics`), ({ text }) => text)

/** Serves a file for as long as the effect runs, and gives what it gives. */
const serving = <A, E, R>(file: string, use: (service: Service.Running) => Effect.Effect<A, E, R>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const service = yield* Service.start(["--db", `sqlite:${file}`])
      const result = yield* use(service)
      service.process.kill("SIGTERM")
      yield* service.ended
      return result
    })
  )

const deposit = (url: string, id: string) => ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" } })
const untilStuck = (url: string, names: ReadonlyArray<string>) =>
  Effect.iterate("", {
    while: (text) =>
      !names.every((name) => new RegExp(`^daybook_projection_stuck\\{.*"${name}"\\} [1-9]`, "m").test(text)),
    body: () => metrics(url)
  })

describe.skipIf(Promtool.promtool === undefined)("the alert rules", () => {
  it.scopedLive(
    "fire for a halted model, a stuck transfer and streams that cannot be recovered, and clear (OP8)",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const [whole, damaged] = [join(folder, "whole.db"), join(folder, "damaged.db")]
        yield* OpenedAt.write(whole, [
          ["a", -hour],
          ["b", -hour]
        ])
        copyFileSync(whole, damaged)
        tamper(damaged, (database) =>
          database.prepare("UPDATE log_events SET data = replace(data, 'Ada', 'Eve') WHERE position = 2").run()
        )
        const caughtUp = ({ url }: Service.Running) =>
          Effect.zipRight(ask(`${url}/accounts/b/summary?minPosition=2`), metrics(url))
        const before = yield* serving(whole, caughtUp)
        const during = yield* serving(damaged, ({ url }) =>
          Effect.gen(function* () {
            assert.strictEqual((yield* deposit(url, "b")).status, 500)
            yield* ask(`${url}/transfers`, { body: { from: "a", to: "b", amount: "1" } })
            return yield* untilStuck(url, ["account_summary", "transfers"])
          })
        )
        const after = yield* serving(whole, caughtUp)
        Promtool.assertFires(
          join(folder, "test.yaml"),
          [before, during, after],
          [
            ["DaybookStuck", 'projection="account_summary"'],
            ["DaybookStuck", 'projection="transfers"'],
            ["DaybookLag", 'projection="account_summary"'],
            ["DaybookRecoveriesFail"]
          ]
        )
      }),
    timeout
  )

  it.scopedLive(
    "fire for a process that was killed, and for a clock that was ahead, and clear (OP8)",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const file = join(folder, "d.db")
        yield* OpenedAt.write(file, [["a", 0]])
        const before = yield* Effect.scoped(
          Effect.gen(function* () {
            const { ended, process: service, url } = yield* Service.start(["--db", `sqlite:${file}`])
            const text = yield* metrics(url)
            service.kill("SIGKILL")
            yield* ended
            assert.isTrue((yield* Effect.exit(Service.tryAsk(`${url}/metrics`)))._tag === "Failure")
            return text
          })
        )
        const killed = yield* serving(file, ({ url }) => metrics(url))
        Promtool.assertFires(join(folder, "down.yaml"), [before, null, killed], [["DaybookDown"]])

        yield* OpenedAt.write(file, [["ahead", 24 * hour]])
        const [ahead, later] = yield* serving(file, ({ url }) =>
          Effect.zip(Effect.zipRight(deposit(url, "a"), metrics(url)), Effect.zipRight(deposit(url, "a"), metrics(url)))
        )
        Promtool.assertFires(join(folder, "clock.yaml"), [killed, ahead, later], [["DaybookClockAhead"]])
      }),
    timeout
  )

  it.scopedLive(
    "fire for a node that was killed, and clear when it is back (OP8)",
    () =>
      Effect.gen(function* () {
        const db = yield* schema
        const [first, lost] = yield* Nodes.start(Cli.program(), db, 2)
        assert(first !== undefined && lost !== undefined)
        const series = new RegExp(`^daybook_cluster_node_last_seen_seconds\\{node="${lost.address}"\\} (\\S+)$`, "m")
        const seen = (isMeant: (seconds: number) => boolean): Effect.Effect<string> =>
          Effect.flatMap(metrics(first.url), (text) =>
            isMeant(Number(series.exec(text)?.[1] ?? Number.NaN))
              ? Effect.succeed(text)
              : Effect.delay(seen(isMeant), "200 millis")
          )
        const before = yield* seen((seconds) => seconds < 15)
        lost.process.kill("SIGKILL")
        yield* lost.ended
        const during = yield* seen((seconds) => seconds > 15)
        yield* Service.start(["--db", db, "--cluster", lost.address])
        const after = yield* seen((seconds) => seconds < 15)
        const file = join(yield* temporaryFolder, "node.yaml")
        Promtool.assertFires(file, [before, during, after], [["DaybookNodeLost", `node="${lost.address}"`]])
      }),
    timeout
  )

  it.scopedLive(
    "fire for a disk that is full, and clear when there is room (OP8)",
    ({ skip }) =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const mounting = spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", folder])
        if (mounting.status !== 0) return skip("this user may not mount a disk")
        yield* Effect.addFinalizer(() => Effect.sync(() => execFileSync("umount", ["-l", folder])))
        const others = join(folder, "others")
        const states = yield* serving(join(folder, "d.db"), ({ url }) =>
          Effect.gen(function* () {
            const id = yield* Service.open(url)
            yield* ask(`${url}/accounts/${id}/summary?minPosition=1`)
            const before = yield* metrics(url)
            const file = openSync(others, "w")
            for (let size = 1 << 20; size > 256; size >>= 1) {
              try {
                for (;;) writeSync(file, Buffer.alloc(size))
              } catch {
                // No room for that much: then for half of it.
              }
            }
            closeSync(file)
            yield* Effect.repeat(deposit(url, id), { until: ({ status }) => status === 503 })
            for (let n = 0; n < 20; n++) yield* deposit(url, id)
            const during = yield* metrics(url)
            rmSync(others)
            yield* Effect.repeat(deposit(url, id), { until: ({ status }) => status === 200 })
            // Many more than those that failed until there was room.
            yield* Effect.replicateEffect(deposit(url, id), 100, { concurrency: 8, discard: true })
            return [before, during, yield* metrics(url)] as const
          })
        )
        const elsewhere = join(yield* temporaryFolder, "test.yaml")
        Promtool.assertFires(elsewhere, states, [["DaybookCommandsFail"], ["DaybookDiskLow"]])
      }),
    timeout
  )
})
