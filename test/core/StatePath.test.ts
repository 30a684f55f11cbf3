/** Which paths a state may have, and what is said of others. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as StatePath from "../../src/core/StatePath.ts"

interface Folder {
  readonly name: string
  readonly folders: ReadonlyArray<Folder>
}
const Folder: Schema.Schema<Folder> = Schema.Struct({
  name: Schema.String,
  folders: Schema.Array(Schema.suspend((): Schema.Schema<Folder> => Folder))
})

type Tree = number | { readonly [name: string]: Tree }

class Owner extends Schema.Class<Owner>("Owner")({ name: Schema.NonEmptyString }) {}

const State = Schema.Struct({
  balance: Schema.BigInt,
  note: Schema.optional(Schema.String),
  opened: Schema.optionalWith(Schema.Date, { as: "Option" }),
  owner: Owner,
  "tax.rate": Schema.Number,
  lines: Schema.Array(Schema.Struct({ amount: Schema.NumberFromString })),
  pair: Schema.Tuple(Schema.Struct({ left: Schema.Int }), Schema.Struct({ right: Schema.Int })),
  holds: Schema.Record({ key: Schema.String, value: Schema.Struct({ amount: Schema.Int }) }),
  status: Schema.Union(
    Schema.TaggedStruct("Open", { since: Schema.Int }),
    Schema.TaggedStruct("Closed", { until: Schema.Int })
  ),
  kept: Schema.propertySignature(Schema.Int).pipe(Schema.fromKey("stored")),
  folder: Folder,
  other: Schema.Unknown
})
const misfit = (path: string) => StatePath.misfit(State.ast, path)

describe("a path of a state", () => {
  it("is one that a state may have in its stored form, whether or not something stands there", () => {
    for (const path of [
      ...["", "balance", "note", "opened", "owner.name", "tax.rate", "lines", "lines.0", "lines.12.amount"],
      ...["pair.1.right", "holds.rent", "holds.a.b.amount", "status._tag", "status.since", "status.until", "stored"],
      ...["folder.folders.0.folders.3.name", "other.anything.at.all"]
    ]) {
      assert.isUndefined(misfit(path), path)
    }
  })

  it("is refused where none has it, with what stands where it goes wrong", () => {
    const fields = "balance, note, opened, owner, tax.rate, lines, pair, holds, status, stored, folder, other"
    for (const [path, says] of [
      ["balnce", `names nothing in the state, which has ${fields}`],
      ["kept", `names nothing in the state, which has ${fields}`],
      [".balance", `names nothing in the state, which has ${fields}`],
      ["balance.", "names nothing in balance, which has no fields"],
      ["balance.minor", "names nothing in balance, which has no fields"],
      ["owner.nmae", "names nothing in owner, which has name"],
      ["lines.amount", "names nothing in lines, which has 0"],
      ["lines.01", "names nothing in lines, which has 0"],
      ["lines.0.amuont", "names nothing in lines.0, which has amount"],
      ["pair.2", "names nothing in pair, which has 0, 1"],
      ["pair.0.right", "names nothing in pair.0, which has left"],
      ["status.untl", "names nothing in status, which has _tag, until, since"],
      ["folder.folders.0.nme", "names nothing in folder.folders.0, which has name, folders"]
    ] as const) {
      assert.strictEqual(misfit(path), says, path)
    }
  })

  it("costs by its own length and the schema's, however many ways there are to divide it", () => {
    const Tree: Schema.Schema<Tree> = Schema.Union(
      Schema.Int,
      Schema.Record({ key: Schema.String, value: Schema.suspend((): Schema.Schema<Tree> => Tree) })
    )
    assert.isUndefined(StatePath.misfit(Tree.ast, "a.".repeat(500)))
    const Twice = Schema.Record({ key: Schema.String, value: Schema.Record({ key: Schema.String, value: Schema.Int }) })
    assert.isString(StatePath.misfit(Schema.Struct({ deep: Twice }).ast, `depe${".a".repeat(500)}`))
  })
})
