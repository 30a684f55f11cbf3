/** What must not compile of versions of commands and answers. `tsc` is the test; nothing in here is run. */
import { Rpc } from "@effect/rpc"
import { Either, Schema } from "effect"
import { assert, describe, it } from "vitest"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as StoredForm from "../../src/core/StoredForm.ts"

const Receipt = StoredForm.make({ litres: Schema.Number })

const upcasters = () => {
  Receipt.next({ litres: Schema.Number, unit: Schema.String }, (v1) => ({ ...v1, unit: "l" }))
  // @ts-expect-error an upcaster gives every field of the next version
  Receipt.next({ litres: Schema.Number, unit: Schema.String }, (v1) => ({ ...v1 }))
  // @ts-expect-error it gives the stored form, in which a bigint is text
  Receipt.next({ litres: Schema.BigInt }, () => ({ litres: 1n }))
  // @ts-expect-error it gets the stored form of the version before, in which litres are a number
  Receipt.next({ litres: Schema.BigInt }, ({ litres }) => ({ litres: litres.slice(1) }))
  // @ts-expect-error of a later version it gets that one's form, which has no litres any more
  Receipt.next({ hl: Schema.Number }, () => ({ hl: 1 })).next({ l: Schema.Number }, ({ litres }) => ({ l: litres }))
  // @ts-expect-error a scalar has versions too
  StoredForm.make(Schema.Int).next(Schema.String, (v1) => v1)
  // @ts-expect-error a stored form needs no services
  StoredForm.make(Schema.Struct({ a: Schema.String }) as Schema.Schema<string, string, "Service">)
}

class Empty extends Schema.TaggedError<Empty>()("Empty", {}) {}
class Locked extends Schema.TaggedError<Locked>()("Locked", {}) {}
const contract = {
  id: Schema.String,
  state: Schema.Struct({ litres: Schema.Number }),
  initial: { litres: 0 },
  events: [],
  commands: [
    Rpc.make("Fill", { payload: Receipt, success: Receipt, error: Empty }),
    Rpc.make("Drain", { error: Schema.Union(Empty, Locked) }),
    Rpc.make("Ask")
  ]
}
class Tank extends Aggregate.make("Tank", { ...contract, transientErrors: ["Empty", "Locked"] }) {}

const aggregates = () => {
  // @ts-expect-error no command has the error Full
  Aggregate.make("Tank", { ...contract, transientErrors: ["Full"] })
  // @ts-expect-error nor Empty by another spelling
  Aggregate.make("Tank", { ...contract, transientErrors: ["Locked", "empty"] })
  // @ts-expect-error where no command has any error, none is transient
  Aggregate.make("Bare", { ...contract, commands: [Rpc.make("Ask")], transientErrors: ["Empty"] })
  type Behaviour = Parameters<typeof Tank.define>[0]
  const decide: Behaviour["decide"] = {
    Fill: ({ litres }) => (litres > 1 ? Either.right([]) : Either.left(new Empty())),
    Drain: () => Either.left(new Locked()),
    Ask: () => Either.right([])
  }
  const reply = { Fill: ({ litres }: { litres: number }) => ({ litres }), Drain: () => undefined, Ask: () => undefined }
  Tank.define({ decide, evolve: {}, reply })
  // @ts-expect-error an answer is of the last version
  Tank.define({ decide, evolve: {}, reply: { ...reply, Fill: () => ({ litres: "1" }) } })
}

describe("the types of stored forms", () => {
  it("refuse what the comments above say", () => {
    for (const unused of [upcasters, aggregates]) assert.isDefined(unused)
  })
})
