/**
 * The servers of the tests are found where they are, refused where they are too old, and come back on their store after
 * a kill.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, describe, it, vi } from "vitest"
import * as NatsServer from "./NatsServer.ts"
import * as Servers from "./Servers.ts"

const health = async (server: NatsServer.NatsServer): Promise<unknown> =>
  (await fetch(`${server.monitorUrl}/healthz`)).json()

describe("the servers of the tests", () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it.skipIf(NatsServer.found === undefined)("NATS starts, is killed and comes back", async () => {
    const server = await NatsServer.start()
    try {
      const pid = server.pid()
      await server.kill()
      await server.restart()
      assert.notStrictEqual(server.pid(), pid)
      assert.deepStrictEqual(await health(server), { status: "ok" })
    } finally {
      await server.stop()
    }
  })

  it("one that is named and is too old, or is something else, is an error", () => {
    const folder = mkdtempSync(join(tmpdir(), "daybook-servers-"))
    try {
      const program = join(folder, "nats-server")
      vi.stubEnv("DAYBOOK_TEST_NATS", program)
      writeFileSync(program, "#!/bin/sh\necho nats-server: v2.9.10\n", { mode: 0o755 })
      assert.throws(() => Servers.nats(), "DAYBOOK_TEST_NATS names nats-server 2.9.10; 2.12 or later is needed")
      writeFileSync(program, "#!/bin/sh\necho another program\n", { mode: 0o755 })
      assert.throws(() => Servers.nats(), "is not a nats-server")
      vi.stubEnv("DAYBOOK_TEST_KAFKA", folder)
      if (Servers.hasJava()) assert.throws(() => Servers.kafka(), "does not hold the jars of a Kafka server")
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
