/** What nodes send each other, where a node of an earlier release is at the other end. */
import { assert, describe, it } from "@effect/vitest"
import { Exit, Schema } from "effect"
import { AskRpc } from "../../src/cluster/AskRpc.ts"
import { WrongExpectedVersion } from "../../src/core/ActorError.ts"

describe("AskRpc", () => {
  it("sends a wrong expected version by the name that earlier releases know, and reads it by that", () => {
    const error = new WrongExpectedVersion({ streamId: "account-1", expected: 2, actual: 3 })
    const answer = { moving: false, exit: Exit.fail(error) }
    const sent: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(AskRpc.successSchema)(answer)))
    assert.deepInclude(
      JSON.stringify(sent),
      '"error":{"_tag":"VersionMismatch","streamId":"account-1","expected":2,"actual":3}'
    )
    const { exit } = Schema.decodeUnknownSync(AskRpc.successSchema)(sent)
    assert.deepStrictEqual(exit, Exit.fail(error))
  })
})
