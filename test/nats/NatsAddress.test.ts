/** How the address of a log on JetStream is read. */
import { assert, describe, it } from "vitest"
import * as NatsAddress from "../../src/nats/NatsAddress.ts"

describe("the address of a log on JetStream", () => {
  it("has a default for all but the host", () => {
    assert.deepStrictEqual(NatsAddress.parse("nats://one"), {
      servers: ["one:4222"],
      tls: false,
      user: undefined,
      password: undefined,
      token: undefined,
      stream: "daybook",
      local: "daybook.nats.db",
      monitors: ["http://one:8222"],
      replicas: 1,
      name: "nats://one:4222/daybook"
    })
  })

  it("takes several servers, who it is, and settings, and is named without a password", () => {
    const text = "tls://ann:p%40ss@one:1,two/bank?replicas=3&monitor=http://one:2,http://two:2&local=/data/a.db"
    assert.deepStrictEqual(NatsAddress.parse(text), {
      servers: ["one:1", "two:4222"],
      tls: true,
      user: "ann",
      password: "p@ss",
      token: undefined,
      stream: "bank",
      local: "/data/a.db",
      monitors: ["http://one:2", "http://two:2"],
      replicas: 3,
      name: "tls://one:1,two:4222/bank"
    })
    assert.deepInclude(NatsAddress.parse("nats://t%25oken@one"), { user: undefined, token: "t%oken" })
  })

  it.each([
    ["", "nats://HOST:PORT/STREAM"],
    ["http://one", "nats://HOST:PORT/STREAM"],
    ["nats://", "nats://HOST:PORT/STREAM"],
    ["nats://one/a.b", "nats://HOST:PORT/STREAM"],
    ["nats://ann:secret%@one", "is written %25"],
    ["nats://one?replicas=2", "1, 3 or 5"],
    ["nats://one?monitor=two:8222", "http://HOST:8222"],
    ["nats://one?monitor=http://ann:secret@two:8222", "without a password"],
    ["nats://ann:secret@one?sync=never", "local, monitor and replicas"]
  ])("%s is none, and why is said without repeating it", (text, reason) => {
    const found = NatsAddress.parse(text)
    assert(typeof found === "string")
    assert.include(found, reason)
    assert.notInclude(found, "secret")
  })
})
