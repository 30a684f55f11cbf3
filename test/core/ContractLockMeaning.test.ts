/**
 * The promises of `core/ContractLock.ts` for all that is stored: release 1 is locked, release 2 has changed one thing,
 * and is found or is as it was declared.
 */
import { Rpc } from "@effect/rpc"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Option, Schema } from "effect"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as ContractLock from "../../src/core/ContractLock.ts"
import * as Event from "../../src/core/Event.ts"
import * as SchemaSample from "../../src/core/SchemaSample.ts"
import * as StoredForm from "../../src/core/StoredForm.ts"

type AnySchema = Schema.Schema.AnyNoContext

/** What a release of the tank stores; each has one command. */
interface Release {
  readonly events?: ReadonlyArray<Event.Any>
  readonly payload?: AnySchema
  readonly success?: AnySchema
  readonly error?: Schema.Schema.All
  readonly transientErrors?: ReadonlyArray<string>
  readonly formerOrders?: Readonly<Record<string, ReadonlyArray<ReadonlyArray<string>>>>
  readonly state?: AnySchema
  readonly snapshotVersion?: number
}

const Litres = Schema.Struct({ litres: Schema.Number })

const release = (given: Release): ContractLock.Locked => {
  const { error = Schema.Never, events = [], payload = Litres, success = Schema.Void, ...rest } = given
  const Tank = Aggregate.make("Tank", {
    id: Schema.String,
    state: rest.state ?? Schema.Struct({ litres: Schema.Number }),
    initial: { litres: 0 },
    events,
    commands: [Rpc.make("Fill", { payload: payload as typeof Litres, success, error: error as AnySchema })],
    transientErrors: (rest.transientErrors ?? []) as never,
    formerOrders: rest.formerOrders ?? {},
    snapshot: { version: rest.snapshotVersion ?? 1 }
  })
  return Tank as ContractLock.Locked
}

/** Locks one release in a file and compares the next one with it. */
const compare = (first: Release, second: Release, accepted: ReadonlyArray<string> = []): ContractLock.Comparison => {
  const text = ContractLock.toText([ContractLock.of(release(first))])
  assert.deepStrictEqual(ContractLock.compare(ContractLock.fromText(text)[0], release(first)), {
    broken: [],
    missing: [],
    notes: []
  })
  return ContractLock.compare(ContractLock.fromText(text)[0], release(second), accepted)
}

/** The one line that a change is found with. */
const found = (first: Release, second: Release): string => {
  const { broken } = compare(first, second)
  assert.strictEqual(broken.length, 1, broken.join("\n"))
  assert.notInclude(broken[0] ?? "", "\n")
  return broken[0] ?? ""
}

const isFine = (first: Release, second: Release): ReadonlyArray<string> => {
  const { broken, missing } = compare(first, second)
  assert.deepStrictEqual(broken, [])
  return missing
}

const withDefault = (currency: string) =>
  Schema.Struct({
    amount: Schema.Number,
    currency: Schema.optionalWith(Schema.String, { default: () => currency })
  })
const scaled = (factor: number) =>
  Schema.transform(Schema.Number, Schema.Number, {
    strict: true,
    decode: (stored) => stored / factor,
    encode: (value) => value * factor
  })
/** Nothing of it is in the form. */
const Even = Schema.Number.pipe(Schema.filter((value) => value % 2 === 0))

/** Release 1 and release 2 of one stored form, and what the line says. */
const changes: ReadonlyArray<readonly [what: string, AnySchema, AnySchema, RegExp]> = [
  ["a changed default", withDefault("EUR"), withDefault("USD"), /read otherwise at currency .*was "EUR", is "USD"/],
  [
    "a changed transformation",
    Schema.Struct({ amount: scaled(100) }),
    Schema.Struct({ amount: scaled(1) }),
    /read otherwise at amount .*was 0\.01, is 1/
  ],
  [
    "a removed enum member",
    Schema.Struct({ fuel: Schema.Literal("diesel", "petrol") }),
    Schema.Struct({ fuel: Schema.Literal("diesel") }),
    /another stored form: fuel was .*"petrol".* and is/
  ],
  [
    "a removed enum member behind a transformation",
    Schema.Struct({ fuels: Schema.parseJson(Schema.Array(Schema.Literal("diesel", "petrol"))) }),
    Schema.Struct({ fuels: Schema.parseJson(Schema.Array(Schema.Literal("diesel"))) }),
    /no longer reads .*petrol.* at fuels/
  ],
  [
    "a narrowed filter",
    Schema.Struct({ litres: Schema.Number }),
    Schema.Struct({ litres: Even }),
    /no longer reads {.*"litres":1} at litres/
  ],
  [
    "a narrowed bound",
    Schema.Struct({ litres: Schema.Number.pipe(Schema.between(0, 10)) }),
    Schema.Struct({ litres: Schema.Number.pipe(Schema.between(0, 9)) }),
    /another stored form: litres was .*10.* and is .*9/
  ],
  [
    "a changed literal",
    Schema.Struct({ unit: Schema.Literal("l") }),
    Schema.Struct({ unit: Schema.Literal("litre") }),
    /another stored form: unit was .*"l".* and is .*"litre"/
  ],
  [
    "another type in memory",
    Schema.Struct({ litres: Schema.BigInt }),
    Schema.Struct({ litres: Schema.NumberFromString }),
    /read otherwise at litres .*was {"~":"bigint","is":"1"}, is 1/
  ],
  [
    "a field that is gone",
    Schema.Struct({ litres: Schema.Number, unit: Schema.String }),
    Schema.Struct({ litres: Schema.Number }),
    /another stored form: unit is gone/
  ],
  [
    "a new required field",
    Schema.Struct({ litres: Schema.Number }),
    Schema.Struct({ litres: Schema.Number, unit: Schema.String }),
    /another stored form: unit is new and required/
  ],
  [
    "a changed type, deep",
    Schema.Struct({ lines: Schema.Array(Schema.Struct({ n: Schema.Number })) }),
    Schema.Struct({ lines: Schema.Array(Schema.Struct({ n: Schema.String })) }),
    /another stored form: lines\[\]\.n was {"type":"number"} and is {"type":"string"}/
  ]
]

const fieldsOf = (schema: AnySchema) =>
  (schema as unknown as { readonly fields: Readonly<Record<string, Schema.Schema<number>>> }).fields
const eventOf = (schema: AnySchema) => Event.make("Filled", fieldsOf(schema))
const errorOf = (schema: AnySchema) => Schema.Struct({ _tag: Schema.Literal("Overflow"), ...fieldsOf(schema) })

/** Each part of a contract with a schema in it. */
const parts: ReadonlyArray<readonly [part: string, (schema: AnySchema) => Release, place: string, toDo: string]> = [
  ["an event", (schema) => ({ events: [eventOf(schema)] }), "Tank event Filled", 'Event.make("Filled", …).next(…'],
  ["a payload", (payload) => ({ payload }), "Tank command Fill payload", "StoredForm.make(…).next(…"],
  ["a success", (success) => ({ success }), "Tank command Fill success", "StoredForm.make(…).next(…"],
  [
    "an error",
    (schema) => ({ error: errorOf(schema) }),
    "Tank command Fill error Overflow",
    "StoredForm.make(…).next(…"
  ]
]

describe("ContractLock", () => {
  for (const [part, of, place, toDo] of parts) {
    it(`finds what changed in ${part} without a version, in one line that says what to do (CV4 CV7)`, () => {
      for (const [what, first, second, says] of changes) {
        const line = found(of(first), of(second))
        assert.match(line, says, what)
        assert.isTrue(line.startsWith(`${place} version 1 `), line)
        assert.include(line, `put version 1 back, and the change into ${toDo}`)
      }
    })

    it(`takes ${part} with its fields in another order, or with its schemas renamed (CV7)`, () => {
      const Unit = Schema.Struct({ name: Schema.String, factor: Schema.Number })
      const first = Schema.Struct({ litres: Schema.Number, unit: Unit.annotations({ identifier: "Unit" }) })
      const second = Schema.Struct({ unit: Unit.annotations({ identifier: "Measure" }), litres: Schema.Number })
      assert.deepStrictEqual(isFine(of(first), of(second)), [])
    })

    it(`takes a default of now or a random one in ${part}`, () => {
      const schema = Schema.Struct({
        day: Schema.optionalWith(Schema.String, { default: () => new Date().toISOString().slice(0, 10) }),
        id: Schema.optionalWith(Schema.Number, { default: () => Math.floor(Math.random() * 2) }),
        at: Schema.optionalWith(Schema.DateTimeUtc, { default: DateTime.unsafeNow })
      })
      assert.deepStrictEqual(isFine(of(schema), of(schema)), [])
      assert.include(ContractLock.toText([ContractLock.of(release(of(schema)))]), '"day": { "~": "varies" }')
    })
  }

  it("takes a new version of each part, which is to be locked, and holds the next release to it (CV4)", () => {
    const _tag = Schema.Literal("Overflow")
    const next = (unit: string): Release => {
      const upcast = (v1: { readonly litres: number }) => ({ ...v1, unit })
      const fields = { litres: Schema.Number, unit: Schema.String }
      const form = StoredForm.make({ litres: Schema.Number }).next(fields, upcast)
      return {
        events: [Event.make("Filled", { litres: Schema.Number }).next(fields, upcast)],
        payload: form,
        success: form,
        error: StoredForm.make({ _tag, litres: Schema.Number }).next({ _tag, ...fields }, (v1) => ({ ...v1, unit }))
      }
    }
    const first = { events: [eventOf(Litres)], payload: Litres, success: Litres, error: errorOf(Litres) }
    assert.deepStrictEqual(isFine(first, next("l")), [
      "Tank event Filled version 2 is not locked yet",
      "Tank command Fill payload version 2 is not locked yet",
      "Tank command Fill success version 2 is not locked yet",
      "Tank command Fill error Overflow version 2 is not locked yet"
    ])
    const { broken } = compare(next("l"), next("gal"))
    assert.deepStrictEqual(
      broken.map((line) => line.slice(0, line.indexOf(" ("))),
      parts.map(([, , place]) => `${place} version 1 is upcast otherwise at unit`)
    )
    assert.strictEqual(compare(next("l"), first).broken.length, 4)
    assert.match(compare(next("l"), first).broken[0] ?? "", /Filled version 2 vanished/)
  })

  it("takes an optional or defaulted field of a payload without a version, and of nothing else (CV7)", () => {
    const more = Schema.Struct({
      litres: Schema.Number,
      memo: Schema.optionalWith(Schema.String, { default: () => "" }),
      lines: Schema.optional(Schema.Array(Schema.String))
    })
    assert.deepStrictEqual(isFine({ payload: Litres }, { payload: more }), [
      "Tank command Fill payload version 1: that lines is new, memo is new is not locked yet"
    ])
    for (const [, of] of parts.filter(([part]) => part !== "a payload")) {
      assert.match(found(of(Litres), of(more)), /another stored form: lines is new, memo is new/)
    }
    // What was stored still reads as it did, or it is not the same.
    const other = Schema.Struct({ litres: scaled(10), memo: Schema.optional(Schema.String) })
    assert.match(found({ payload: Litres }, { payload: other }), /read otherwise at litres/)
  })

  it("finds another identity of a payload, which would make retries other commands", () => {
    const upper = Schema.String.pipe(StoredForm.identifiedBy((text) => text.toUpperCase()))
    const line = found({ payload: Schema.Struct({ code: Schema.String }) }, { payload: Schema.Struct({ code: upper }) })
    assert.match(line, /identifies another command/)
  })

  it("keeps a removed command, whose answers are there, and holds one of its name to them", () => {
    const lock = ContractLock.of(release({ success: Litres }))
    const without = { ...release({}), commands: [] }
    const { broken, missing } = ContractLock.compare(lock, without)
    assert.deepStrictEqual([broken, missing], [[], ["that Tank command Fill was removed is not locked yet"]])
    const [later] = ContractLock.fromText(ContractLock.toText([ContractLock.of(without, lock)]))
    assert.deepStrictEqual(ContractLock.compare(later, without), { broken: [], missing: [], notes: [] })
    const back = ContractLock.compare(later, release({ success: Schema.Struct({ litres: Schema.String }) }))
    assert.match(back.broken.join(), /Fill success version 1 has another stored form/)
  })

  it("finds a kept error that is no longer declared, and takes one that was renamed; a transient one is not stored", () => {
    const Overflow = Schema.Struct({ _tag: Schema.Literal("Overflow"), litres: Schema.Number })
    const Spilled = Schema.Struct({ _tag: Schema.Literal("Spilled"), litres: Schema.Number })
    assert.match(
      found({ error: Overflow }, { error: Spilled }),
      /error Overflow is no longer declared, and is kept as an answer: declare it again, or/
    )
    const Renamed = StoredForm.make(Overflow).next(Spilled, ({ litres }) => ({ _tag: "Spilled" as const, litres }))
    assert.deepStrictEqual(isFine({ error: Overflow }, { error: Renamed }), [
      "Tank command Fill error Overflow version 2 is not locked yet"
    ])
    const transientErrors = ["Overflow"]
    assert.deepStrictEqual(isFine({ error: Overflow, transientErrors }, { error: Spilled }), [
      "Tank command Fill error Spilled is not locked yet"
    ])
    // What was kept before it became transient is there for ever.
    const before = ContractLock.of(release({ error: Overflow }))
    const after = ContractLock.of(release({ error: Overflow, transientErrors }), before)
    assert.match(ContractLock.compare(after, release({})).broken.join(), /error Overflow is no longer declared/)
  })

  it("keeps the order of many fields, and says how it is named where the declaration has another one (CV9)", () => {
    const names = ["a", "b", "c", "d", "e", "f", "g", "h"]
    const payloadOf = (order: ReadonlyArray<string>) =>
      Schema.Struct(Object.fromEntries(order.map((name) => [name, Schema.Number])))
    const payload = payloadOf(names)
    const reordered = payloadOf([...names].reverse())
    const line = found({ payload }, { payload: reordered })
    assert.include(line, 'add formerOrders: { Fill: [["a","b","c","d","e","f","g","h"]] }')
    const named = { payload: reordered, formerOrders: { Fill: [names] } }
    assert.deepStrictEqual(isFine({ payload }, named), [])
    // The order of then stays in the lock, so that the contract goes on naming it.
    const later = ContractLock.of(release(named), ContractLock.of(release({ payload })))
    assert.lengthOf(ContractLock.compare(later, release({ payload: reordered })).broken, 1)
    const few = ["a", "b", "c"]
    assert.deepStrictEqual(isFine({ payload: payloadOf(few) }, { payload: payloadOf([...few].reverse()) }), [])
  })

  it("takes another type in memory where one says that it means the same", () => {
    const first = { success: Schema.Struct({ litres: Schema.BigInt }) }
    const second = { success: Schema.Struct({ litres: Schema.NumberFromString }) }
    const place = "Tank command Fill success version 1"
    assert.include(found(first, second), `daybook schema --accept ${JSON.stringify(place)}`)
    assert.deepStrictEqual(compare(first, second, [place]).broken, [])
    assert.lengthOf(compare(first, second, ["Tank command Fill payload version 1"]).broken, 1)
  })

  it("shows another state, and finds one that is read otherwise from the snapshots that are there", () => {
    const state = (of: AnySchema) => ({ state: Schema.Struct({ litres: of }) as AnySchema })
    const { broken, missing, notes } = compare(state(Schema.Number), {
      state: Schema.Struct({ litres: Schema.Number, unit: Schema.optional(Schema.String) })
    })
    assert.deepStrictEqual([broken, missing], [[], []])
    assert.deepStrictEqual(notes, ["Tank state is another one: unit is new; its snapshots are made again"])
    assert.match(found(state(scaled(100)), state(scaled(10))), /raise snapshot\.version to 2/)
    assert.match(found({ snapshotVersion: 2 }, {}), /snapshot\.version 1 and had 2: never lower it/)
    assert.lengthOf(compare(state(scaled(100)), { ...state(scaled(10)), snapshotVersion: 2 }).notes, 1)
  })

  it("reads a lock of before there were commands in it", () => {
    const [lock] = ContractLock.fromText(
      JSON.stringify([
        {
          aggregate: "Tank",
          events: [{ name: "Filled", formerNames: [], versions: [{ version: 1, fingerprint: "", form: litresForm }] }]
        }
      ])
    )
    const { broken, missing } = ContractLock.compare(lock, release({ events: [eventOf(Litres)] }))
    assert.deepStrictEqual(broken, [])
    assert.deepStrictEqual(missing, [
      "what Tank event Filled version 1 reads as is not locked yet",
      "Tank command Fill is not locked yet",
      "Tank state is not locked yet"
    ])
  })
})

const litresForm = {
  additionalProperties: false,
  properties: { litres: { type: "number" } },
  required: ["litres"],
  type: "object"
}

describe("SchemaSample", () => {
  it("makes few values that a schema decodes, the same ones each time, and none where it finds none", () => {
    const never = Schema.String.pipe(Schema.filter(() => false))
    interface Tree {
      readonly children: ReadonlyArray<Tree>
    }
    const Tree: Schema.Schema<Tree> = Schema.Struct({ children: Schema.Array(Schema.suspend(() => Tree)) })
    class Tank extends Schema.Class<Tank>("Tank")({ at: Schema.Date, owner: Schema.Option(Schema.String) }) {}
    const schemas: ReadonlyArray<AnySchema> = [
      Tree,
      Tank,
      Schema.Struct({ code: Schema.String.pipe(Schema.pattern(/^[A-Z]{3}-\d{4}$/)), note: Schema.optional(never) }),
      Schema.NumberFromString.pipe(Schema.between(5_000, 6_000)),
      Schema.Record({ key: Schema.String, value: Schema.Int.pipe(Schema.greaterThan(41)) }),
      Schema.Tuple(Schema.String, Schema.Number),
      Schema.Array(Schema.Number).pipe(Schema.minItems(3)),
      Schema.parseJson(Schema.Struct({ n: Schema.Number })),
      Schema.Union(Schema.Struct({ _tag: Schema.Literal("A") }), Schema.Struct({ _tag: Schema.Literal("B") })),
      Schema.TemplateLiteral("order-", Schema.Number),
      Schema.Map({ key: Schema.String, value: Schema.BigInt }),
      never
    ]
    for (const schema of schemas) {
      const samples = SchemaSample.of(schema)
      assert.isAtMost(samples.length, 6)
      assert.strictEqual(samples.length === 0, schema === schemas.at(-1), String(schema))
      assert.deepStrictEqual(SchemaSample.of(schema), samples)
      for (const sample of samples) assert.isTrue(Option.isSome(Schema.decodeUnknownOption(schema)(sample)))
    }
    const Odd = Schema.String.pipe(Schema.filter((text) => text.startsWith("odd:")))
    assert.deepStrictEqual(SchemaSample.of(Odd), [])
    assert.deepStrictEqual(SchemaSample.of(Odd.annotations({ examples: ["odd:1"] })), ["odd:1"])
  })
})
