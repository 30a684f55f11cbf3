/** The promises of `core/CommandCodec.ts` for commands that were stored by releases that had no rules with numbers. */
import { hash } from "node:crypto"
import { Rpc } from "@effect/rpc"
import { assert, describe, it } from "@effect/vitest"
import { Either, Schema } from "effect"
import * as CommandCodec from "../../src/core/CommandCodec.ts"
import * as CommandIdentity from "../../src/core/CommandIdentity.ts"

const names = ["h", "g", "f", "e", "d", "c", "b", "a"]
const values = Object.fromEntries(names.map((name, index) => [name, index]))
const codecOf = (order: ReadonlyArray<string>, formerOrders?: CommandCodec.FormerOrders) => {
  const payload = Schema.Struct(Object.fromEntries(order.map((name) => [name, Schema.Int])))
  return CommandCodec.make("Tank", [Rpc.make("Fill", { payload }) as unknown as Rpc.AnyWithProps], formerOrders)
}
/** As they digested a payload of whole numbers: in the order of its declaration. */
const stored = hash("sha256", `Tank\0north\0Fill\0${JSON.stringify(values)}`).slice(0, 32)

const isRecognized = (codec: CommandCodec.CommandCodec): boolean => {
  const { earlier } = Either.getOrThrow(codec.receive("Fill", "north", values, "delivery 7"))
  return CommandIdentity.recognizes({ aggregate: "Tank", id: "north", command: "Fill" }, "delivery 7", earlier, stored)
}

describe("CommandCodec", () => {
  it("recognizes commands with many fields by the order in which they are declared, or were (CV9)", () => {
    assert.isAbove(names.length, CommandIdentity.maxPermuted)
    assert.isTrue(isRecognized(codecOf(names)))
    const another = [...names].reverse()
    assert.isFalse(isRecognized(codecOf(another)))
    assert.isTrue(isRecognized(codecOf(another, { Fill: [names] })))
  })
})
