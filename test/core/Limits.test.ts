/** Limits that belong together are checked where they are made, in each configuration that has some. */
import { Duration } from "effect"
import { assert, describe, it } from "vitest"
import * as TransferConfig from "../../src/bank/transfer/TransferConfig.ts"
import * as ActorSystemCluster from "../../src/cluster/ActorSystemCluster.ts"
import * as Limits from "../../src/core/Limits.ts"
import * as HttpConfig from "../../src/http/HttpConfig.ts"
import * as Writer from "../../src/sql/Writer.ts"

const { minutes, seconds } = Duration

describe("limits that contradict each other", () => {
  const refused: ReadonlyArray<readonly [what: string, make: () => unknown, RegExp]> = [
    [
      "transfers",
      () => TransferConfig.layer({ answerTimeout: seconds(30) }),
      /^the limit ProjectionConfig.attemptTimeout is not longer than answerTimeout \(30000 and 30000 milliseconds\): /
    ],
    [
      "a header after its request",
      () => HttpConfig.layer({ headerTimeout: seconds(21) }),
      /requestTimeout is shorter than headerTimeout \(20000 and 21000 milliseconds\)/
    ],
    [
      "a heartbeat after the end of its connection",
      () => HttpConfig.layer({ heartbeat: minutes(1) }),
      /idleTimeout is not longer than heartbeat \(60000 and 60000 milliseconds\)/
    ],
    [
      "a wait after the end of its server",
      () => HttpConfig.layer({ stopTimeout: seconds(1) }),
      /stopTimeout is shorter than viewTimeout \(1000 and 2000 milliseconds\)/
    ],
    [
      "an attempt after its deadline",
      () => ActorSystemCluster.layer({ deadline: "4 seconds" }),
      /deadline is shorter than attemptTimeout \(4000 and 5000 milliseconds\)/
    ],
    [
      "no more than what the store takes",
      () =>
        Limits.change({ pages: 1 }, { pages: [1, 9] }, { pages: 6 }, [
          ["pages", "<", { name: "store.pages", value: 6 }, "it would be full"]
        ]),
      /^the limit store.pages is not greater than pages \(6 and 6\): it would be full$/
    ]
  ]
  it.each(refused)("%s: both are named", (_, make, message) => {
    assert.throws(make, Limits.InvalidLimit, message)
  })

  it("are not those that only touch, where they may", () => {
    HttpConfig.layer({ headerTimeout: seconds(20), stopTimeout: seconds(2) })
    ActorSystemCluster.layer({ attemptTimeout: "1 hour", deadline: "1 hour" })
    TransferConfig.layer({ answerTimeout: seconds(29) })
  })
})

describe("a limit outside its range", () => {
  const refused: ReadonlyArray<readonly [what: string, make: () => unknown, RegExp]> = [
    ["HTTP", () => HttpConfig.layer({ maxConnections: 0 }), /maxConnections is 0; it is a whole number from 1 /],
    ["HTTP", () => HttpConfig.layer({ idleTimeout: Duration.infinity }), /idleTimeout is Infinity milliseconds; /],
    ["the cluster", () => ActorSystemCluster.layer({ maxWaiting: 0 }), /maxWaiting is 0; /],
    ["the writer", () => Writer.layer({ queueCapacity: 0 }), /queueCapacity is 0; /]
  ]
  it.each(refused)("of %s is named", (_, make, message) => {
    assert.throws(make, Limits.InvalidLimit, message)
  })
})
