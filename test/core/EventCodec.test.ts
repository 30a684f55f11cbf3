/** The promises of `core/Event.ts` and `core/EventCodec.ts`: old events stay readable, what cannot be read says why. */
import { Either, FastCheck, Schema } from "effect"
import { assert, describe, it } from "vitest"
import * as Event from "../../src/core/Event.ts"
import * as EventCodec from "../../src/core/EventCodec.ts"
import * as EventHash from "../../src/core/EventHash.ts"
import type { StoredEvent } from "../../src/core/StoredEvent.ts"
import * as StreamId from "../../src/core/StreamId.ts"

const Minor = Schema.BigInt.pipe(Schema.positiveBigInt())
const Deposited = Event.make("Deposited", { amount: Schema.Number })
  .next({ amount: Minor }, (v1) => ({ amount: String(Math.round(v1.amount * 100)) }))
  .next({ amount: Minor, reference: Schema.String }, (v2, { commandId }) => ({ ...v2, reference: commandId }))
const Rated = Event.make("Rated", { rate: Schema.Number, note: Schema.optional(Schema.String) })
const codec = EventCodec.make<typeof Deposited | typeof Rated>([Deposited, Rated])

const stored = (type: string, schemaVersion: number, data: string): StoredEvent => {
  const event = {
    streamId: StreamId.StreamId.make("account-1"),
    version: 7,
    position: 70,
    commandId: "c-7",
    correlationId: "c-7",
    causationId: null,
    traceparent: null,
    recordedAt: 0,
    type,
    schemaVersion,
    data,
    previousHash: EventHash.genesis
  }
  return { ...event, hash: EventHash.compute(event), sequence: 7, principal: null }
}
const failure = (event: StoredEvent) => Either.getOrThrow(Either.flip(codec.decode(event)))

describe("EventCodec", () => {
  it("applies a chain in order, with the event's metadata (UP1)", () => {
    const expected = Deposited.make({ amount: 1250n, reference: "c-7" })
    assert.deepStrictEqual(Either.getOrThrow(codec.decode(stored("Deposited", 1, '{"amount":12.5}'))), [expected])
    assert.deepStrictEqual(Either.getOrThrow(codec.decode(stored("Deposited", 2, '{"amount":"1250"}'))), [expected])
  })

  it("leaves the current version as it is (UP2)", () => {
    const event = Deposited.make({ amount: 1n, reference: "rent" })
    const decoded = codec.decode(stored("Deposited", 3, '{"amount":"1","reference":"rent"}'))
    assert.deepStrictEqual(Either.getOrThrow(decoded), [event])
  })

  it("a name that is declared twice fails when the codec is built, and is named (UP4)", () => {
    assert.throws(() => EventCodec.make([Rated, Rated]), EventCodec.InvalidEvents, "Rated")
  })

  it("an event that could never be stored and read back fails when the codec is built", () => {
    const tagged = Event.make("Tagged", { _tag: Schema.String })
    assert.throws(() => EventCodec.make([tagged]), EventCodec.InvalidEvents, "a field _tag")
    for (const name of ["", "a\0b", "\ud800"]) {
      assert.throws(() => EventCodec.make([Event.make(name, {})]), EventCodec.InvalidEvents, "cannot be stored")
    }
  })

  it("a future version is FutureVersion and says where (UP5)", () => {
    const error = failure(stored("Deposited", 9, "{}"))
    assert.strictEqual(error._tag, "FutureVersion")
    assert.include(error.message, "account-1 version 7 (position 70): Deposited v9")
  })

  it("an unknown type is UnknownEvent (UP7)", () => {
    assert.strictEqual(failure(stored("Frozen", 1, "{}"))._tag, "UnknownEvent")
    assert.strictEqual(failure(stored("constructor", 1, "{}"))._tag, "UnknownEvent")
  })

  it("damaged text, a wrong type and a throwing upcaster are UndecodableEvent and quote no stored value (UP8 UP9)", () => {
    const texts: ReadonlyArray<readonly [number, string, string]> = [
      [3, '{"amount":"secret', ""],
      [3, '{"amount":"secret","reference":""}', "amount"],
      [3, "null", ""],
      [3, '["secret"]', ""],
      [2, "null", ""],
      [2, '{"amount":"secret"}', "amount"],
      [1, "null", ""],
      [0, "{}", ""]
    ]
    for (const [version, text, path] of texts) {
      const error = failure(stored("Deposited", version, text))
      assert.strictEqual(error._tag, "UndecodableEvent", text)
      if (error._tag === "UndecodableEvent") assert.strictEqual(error.path, path, text)
      assert.notInclude(error.message, "secret")
    }
  })

  it("a schema that throws is UndecodableEvent too, and quotes nothing (UP9)", () => {
    const Throwing = Schema.transform(Schema.String, Schema.String, {
      strict: true,
      decode: (text) => {
        throw new TypeError(`cannot read ${text}`)
      },
      encode: (text) => text
    })
    const fragile = EventCodec.make([Event.make("Fragile", { text: Throwing })])
    const error = Either.getOrThrow(Either.flip(fragile.decode(stored("Fragile", 1, '{"text":"secret"}'))))
    assert.strictEqual(error._tag, "UndecodableEvent")
    assert.include(error.message, "its schema threw TypeError")
    assert.notInclude(error.message, "secret")
  })

  it("what is not of the form of its old version is never upcast: no amount is made of what was none (UP8)", () => {
    for (const amount of ["null", "true", '"12"', "[3]", "{}"]) {
      const error = failure(stored("Deposited", 1, `{"amount":${amount}}`))
      assert.include(error.message, "Deposited v1 cannot be decoded at amount", amount)
    }
    assert.include(failure(stored("Deposited", 1, "{}")).message, "at amount")
  })

  it("decode after encode gives the same event (UP11)", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.bigInt({ min: 1n }), FastCheck.fullUnicodeString(), (amount, reference) => {
        const event = Deposited.make({ amount, reference })
        const { type, schemaVersion, data } = Either.getOrThrow(codec.encode(event))
        assert.deepStrictEqual(Either.getOrThrow(codec.decode(stored(type, schemaVersion, data))), [event])
      })
    )
  })

  it("a value that JSON would change is refused before it is stored, with its path (ES31)", () => {
    for (const rate of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const error = Either.getOrThrow(Either.flip(codec.encode(Rated.make({ rate }))))
      assert.strictEqual(error.path, "rate")
    }
    const negative = codec.encode(Deposited.make({ amount: -1n, reference: "" }))
    assert.strictEqual(Either.getOrThrow(Either.flip(negative)).path, "amount")
    assert.notInclude(Either.getOrThrow(Either.flip(negative)).message, "-1")
    assert.strictEqual(Either.getOrThrow(codec.encode(Rated.make({ rate: 1, note: undefined }))).data, '{"rate":1}')
  })

  it("an event that could not be read again is refused before it is stored", () => {
    const Even = Schema.transform(Schema.Int.pipe(Schema.multipleOf(2)), Schema.Int, {
      strict: true,
      decode: (stored) => stored,
      encode: (value) => value
    })
    const Counted = Event.make("Counted", {
      count: Schema.transform(Even, Even, { strict: true, decode: (n) => n + 1, encode: (n) => n })
    })
    const error = Either.getOrThrow(Either.flip(EventCodec.make([Counted]).encode(Counted.make({ count: 2 }))))
    assert.strictEqual(error.path, "count")
    assert.include(error.message, "could not be read again")
  })

  it("data that nests too deep is refused, and __proto__ stays a plain field (ES32)", () => {
    const Tree = Event.make("Tree", { value: Schema.Unknown })
    const trees = EventCodec.make([Tree])
    let value: unknown = 0
    for (let depth = 0; depth < 10_000; depth++) value = [value]
    assert.isTrue(Either.isLeft(trees.encode(Tree.make({ value }))))
    codec.decode(stored("Rated", 1, '{"rate":1,"__proto__":{"polluted":true}}'))
    assert.notProperty({}, "polluted")
  })

  it("does not compile without every field of the new version", () => {
    // @ts-expect-error the upcaster must give `channel`
    Deposited.next({ amount: Minor, channel: Schema.String }, ({ amount }) => ({ amount }))
    // @ts-expect-error the stored form of `amount` is a text
    Deposited.next({ amount: Minor }, () => ({ amount: 1 }))
    // @ts-expect-error the next version has an upcaster
    Deposited.next({ amount: Minor })
    // @ts-expect-error the current version has a reference
    Deposited.make({ amount: 1n })
  })
})

describe("EventHash", () => {
  const event = stored("Deposited", 2, '{"amount":"1250"}')

  it("covers every field that is stored", () => {
    assert.isTrue(EventHash.isIntact(event))
    const changes: ReadonlyArray<Partial<StoredEvent>> = [
      { streamId: StreamId.StreamId.make("account-2") },
      { version: 8 },
      { position: 71 },
      { commandId: "c-8" },
      { correlationId: "c-8" },
      { causationId: "" },
      { traceparent: "" },
      { recordedAt: 1 },
      { type: "Withdrawn" },
      { schemaVersion: 1 },
      { data: '{"amount":"1251"}' },
      { previousHash: "1".repeat(64) }
    ]
    // The hash itself, and what the entry's hash covers.
    const { hash: _, principal: __, sequence: ___, ...covered } = event
    assert.sameMembers(changes.flatMap(Object.keys), Object.keys(covered))
    for (const change of changes) assert.isFalse(EventHash.isIntact({ ...event, ...change }), JSON.stringify(change))
  })

  it("was computed this way by every release", () => {
    assert.strictEqual(event.hash, "edbe1a24876949398135bfd221d0f6b5caca05f486df3bd53ed444990c13f480")
  })
})

describe("StreamId", () => {
  const accepts = Schema.is(StreamId.StreamId)

  it("takes any well-formed text up to 512 characters and refuses the empty id and U+0000 (ES29)", () => {
    for (const id of ["a%_'/ b", "x".repeat(512), "účet-1", "😀"]) assert.isTrue(accepts(id), id)
    for (const id of ["", "a\0b", "x".repeat(513), "\ud800"]) assert.isFalse(accepts(id), JSON.stringify(id))
  })
})
