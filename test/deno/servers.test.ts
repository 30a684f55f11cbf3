/** `daybook` on Deno with NATS and Kafka: a log on JetStream that Node goes on with, and relays. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import * as Cli from "../cli/Cli.ts"
import * as KafkaServer from "../KafkaServer.ts"
import * as Nats from "../nats/Nats.ts"
import { isLong } from "../Random.ts"
import * as KafkaTopic from "../relay/KafkaTopic.ts"
import * as NatsStream from "../relay/NatsStream.ts"
import * as Relays from "../relay/Relays.ts"
import { daybook } from "./Deno.ts"

const commands = [
  { commandId: "1", accountId: "a", command: "Open", owner: "Jana Nováková", currency: "EUR" },
  { commandId: "2", accountId: "a", command: "Deposit", amount: "12.50" },
  { commandId: "3", accountId: "a", command: "Withdraw", amount: "99" }
]

const setting = Effect.map(Cli.folder, (folder) => ({
  folder,
  onDeno: { program: daybook(folder, "--allow-net=127.0.0.1"), cwd: folder },
  onNode: { cwd: folder }
}))

/** Relays a log of some events, and gives the position of the last once it is sent. */
const relayed = (to: string) =>
  Effect.gen(function* () {
    const { folder, onDeno } = yield* setting
    const db = join(folder, "log.db")
    return yield* Effect.gen(function* () {
      const last = yield* Relays.write(3, 5)
      yield* Effect.acquireRelease(
        Effect.sync(() => Cli.start(["relay", "--db", `sqlite:${db}`, "--to", to, "--from", "beginning"], onDeno)),
        ({ child, ended }) =>
          Effect.promise(() => {
            child.kill("SIGKILL")
            return ended
          })
      )
      yield* Relays.untilAt("main", last)
      return last
    }).pipe(Effect.provide(Relays.store(db)))
  })

describe.skipIf(!Nats.isThere)("daybook on Deno with NATS", () => {
  it.scoped("writes a log that Node verifies and goes on with, and back", () =>
    Effect.gen(function* () {
      const { folder, onDeno, onNode } = yield* setting
      const { stream } = yield* Nats.address
      const { monitorUrl, url } = inject("nats")
      const at = (file: string) => `${url}/${stream}?monitor=${monitorUrl}&local=${join(folder, file)}`
      const write = (file: string, rows: ReadonlyArray<object>) =>
        writeFileSync(join(folder, file), rows.map((row) => `${JSON.stringify(row)}\n`).join(""))
      const run = (line: string, options: Cli.RunOptions) =>
        Effect.map(Cli.run(line.split(" "), options), ({ code, stderr, stdout }) => {
          assert.strictEqual(code, 0, stderr)
          return stdout
        })
      write("first.jsonl", commands)
      const first = yield* run(`import first.jsonl --format commands --db ${at("deno.db")}`, onDeno)
      assert.strictEqual(first, "2 applied, 0 replayed, 1 refused\n")
      write("second.jsonl", [...commands, { commandId: "4", accountId: "a", command: "Withdraw", amount: "2.49" }])
      const second = yield* run(`import second.jsonl --format commands --db ${at("node.db")}`, onNode)
      assert.strictEqual(second, "1 applied, 3 replayed, 0 refused\n")
      const exported = yield* run(`export --db ${at("node.db")}`, onNode)
      assert.strictEqual(yield* run(`export --db ${at("deno.db")}`, onDeno), exported)
      yield* run(`verify --db ${at("deno.db")}`, onDeno)
      yield* run(`verify --db ${at("node.db")}`, onNode)
    })
  )

  it.scopedLive("relays a log", () =>
    Effect.gen(function* () {
      const { stream } = yield* Nats.address
      const { url } = inject("nats")
      const last = yield* relayed(`${url}/${stream.replace("test-", "relayed")}?stream=${stream}`)
      Relays.assertOnce(yield* NatsStream.read(url, stream), Relays.range(1, last))
    })
  )
})

describe.skipIf(!isLong || KafkaServer.found === undefined)("daybook on Deno with Kafka", () => {
  it.scopedLive("relays a log", () =>
    Effect.gen(function* () {
      const server = yield* Effect.acquireRelease(
        Effect.promise(() => KafkaServer.start()),
        ({ stop }) => Effect.promise(stop)
      )
      const last = yield* relayed(`kafka://${server.broker}/log?partitions=2`)
      const arrived = yield* Effect.promise(() => KafkaTopic.read(server.broker, "log"))
      Relays.assertOnce(arrived, Relays.range(1, last))
    })
  )
})
