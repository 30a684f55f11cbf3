/** What two commands with one id have in common when they are the same: for ever, since it is stored. */
import { hash } from "node:crypto"
import { FastCheck } from "effect"
import { assert, describe, it } from "vitest"
import * as CommandIdentity from "../../src/core/CommandIdentity.ts"
import * as Json from "../../src/core/Json.ts"
import * as Random from "../Random.ts"

const target = { aggregate: "Account", id: "704", command: "Deposit" }
const of = (said: unknown, own?: string, commandId = "c", to = target) =>
  CommandIdentity.of(
    CommandIdentity.addressOf(to.aggregate, to.command),
    to.id,
    commandId,
    said === undefined ? "" : Json.canonical(said),
    own
  )
const earlier = (form: unknown, more: Partial<CommandIdentity.Earlier> = {}): CommandIdentity.Earlier => ({
  given: form,
  form,
  defaulted: [],
  fingerprints: [],
  orders: [],
  ...more
})
const ruleOne = (text: string) => hash("sha256", `Account\x00704\0Deposit\0${text}`).slice(0, 32)
const recognizes = (stored: string, by: CommandIdentity.Earlier, commandId = "c") =>
  CommandIdentity.recognizes(target, commandId, by, stored)

describe("CommandIdentity", () => {
  // What is stored stays: who changes one of these has made a third rule, and gives it a number.
  it.each([
    [of({ amount: "12.5", reference: "r" }), "2:73f9f6737d0677dc4344d5ca7cf1e9f0"],
    [of(undefined), "2:cc5d37d800de87ba8c57d126d7f8f9d1"],
    [of({}), "2:c77d0f49027a688bbd1e7809175039e9"],
    [of("text"), "2:69094bc725eb64825d167ba40a1d7aad"],
    [of({ nested: { b: [1, { d: null, c: true }], a: "\u00e9\ud800" } }), "2:398d9d9a0030ad98d120f3931690a8af"],
    [of({ amount: "1" }, "my own"), "2:aa5569e15aaecf490e487c5a7bcbd0a8"],
    [of({ amount: "1" }, undefined, "\u0001reaction:account-1:1:0:0"), "2:cc5d37d800de87ba8c57d126d7f8f9d1"]
  ])("has rule 2 for ever: %s", (found, expected) => {
    assert.strictEqual(found, expected)
  })

  it("does not see the order of keys, at any depth, and sees everything else", () => {
    const seed = Math.floor(Random.random("CommandIdentity")() * 2 ** 31)
    const shuffled = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(shuffled)
        : Json.isPlainObject(value)
          ? Object.fromEntries(
              Object.entries(value)
                .reverse()
                .map(([key, inner]) => [key, shuffled(inner)])
            )
          : value
    const values = FastCheck.jsonValue()
    FastCheck.assert(
      FastCheck.property(values, values, (one, other) => {
        assert.strictEqual(of(shuffled(one)), of(one))
        if (Json.canonical(one) !== Json.canonical(other)) assert.notStrictEqual(of(one), of(other))
      }),
      { seed, numRuns: 500 }
    )
  })

  it("tells aggregate, id, command, payload and own fingerprint apart, however they are cut", () => {
    const others = [
      of({ a: 1 }),
      of(undefined),
      of({ a: "1" }),
      of({ a: 1 }, ""),
      of({ a: 1 }, "f"),
      of({ a: 1 }, undefined, "c", { ...target, id: "70" }),
      of({ a: 1 }, undefined, "c", { ...target, aggregate: "Accoun", id: "t704" }),
      of({ a: 1 }, undefined, "c", { ...target, command: "Withdraw" }),
      of(undefined, undefined, "c", { ...target, id: '704","payload":{"a":1}' }),
      of({ a: 1 }, 'f","id":"704')
    ]
    assert.strictEqual(new Set(others).size, others.length)
    // The fingerprint stands for the fields, and a derived id for both.
    assert.strictEqual(of({ a: 1 }, "f"), of({ a: 2 }, "f"))
    assert.strictEqual(of({ a: 1 }, "f", "\u0001r"), of({ a: 2 }, undefined, "\u0001r"))
    assert.notStrictEqual(of({}, undefined, "\u0001r"), of({}, undefined, "\u0001r", { ...target, command: "Close" }))
  })
})

describe("what releases before rule 2 stored", () => {
  const form = { amount: "12.50", reference: "r", bookedOn: "2024-02-29" }

  it("is recognized in each order of its fields, and sorted where it nests", () => {
    for (const names of [
      ["amount", "reference", "bookedOn"],
      ["bookedOn", "reference", "amount"],
      ["reference", "bookedOn", "amount"]
    ]) {
      const text = JSON.stringify(form, names)
      assert.isTrue(recognizes(ruleOne(text), earlier(form)), text)
    }
    const nested = { b: { d: 1, c: [2] }, a: null }
    assert.isTrue(recognizes(ruleOne(Json.canonical(nested)), earlier(nested)))
    for (const scalar of ["text", 1, null, ["a"]]) {
      assert.isTrue(recognizes(ruleOne(Json.canonical(scalar)), earlier(scalar)), String(scalar))
    }
    assert.isTrue(recognizes(ruleOne(""), earlier(undefined)), "no payload")
  })

  it("is recognized with and without the defaults of today, and as it was given", () => {
    const today = earlier({ ...form, memo: "", channel: "web" }, { defaulted: ["memo", "channel"] })
    for (const values of [
      form,
      { ...form, memo: "" },
      { channel: "web", ...form },
      { ...form, memo: "", channel: "web" }
    ]) {
      assert.isTrue(recognizes(ruleOne(JSON.stringify(values)), today), JSON.stringify(values))
    }
    const given = earlier({ n: "1" }, { given: { n: 1 } })
    assert.isTrue(recognizes(ruleOne('{"n":1}'), given))
  })

  it("is recognized by a fingerprint of the caller's own, or a former one", () => {
    assert.isTrue(recognizes("mine", earlier(form, { fingerprints: ["other", "mine"] })))
    assert.isFalse(recognizes("mine", earlier(form)))
  })

  it("is recognized by its id where Daybook derived that", () => {
    assert.isTrue(recognizes(ruleOne("whatever"), earlier(form), "\u0001transfers:transfer-1:1:0:0"))
    assert.isFalse(recognizes(ruleOne("whatever"), earlier(form)))
  })

  it("does not stand for another command, and for none of rule 2", () => {
    const text = JSON.stringify(form)
    for (const change of [{ ...form, amount: "12.51" }, { ...form, more: 1 }, { amount: form.amount }]) {
      assert.isFalse(recognizes(ruleOne(text), earlier(change)), JSON.stringify(change))
    }
    const stored = hash("sha256", `Account\x00705\0Deposit\0${text}`).slice(0, 32)
    assert.isFalse(recognizes(stored, earlier(form)), "another account")
    assert.isFalse(
      recognizes(of(form), earlier(form, { fingerprints: [of(form)] })),
      "rule 2 is compared, not recognized"
    )
  })

  it("costs a bounded number of digests: 8 fields and more are tried in the orders that are named", () => {
    const names = Array.from({ length: 12 }, (_, index) => `field${index}`)
    const many = Object.fromEntries(names.map((name, index) => [name, index]))
    const reversed = [...names].reverse()
    const text = JSON.stringify(many, reversed)
    assert.isFalse(recognizes(ruleOne(text), earlier(many)))
    assert.isTrue(recognizes(ruleOne(text), earlier(many, { orders: [reversed] })))
    // All of them defaulted, none of them right: it gives up.
    assert.isFalse(recognizes(ruleOne("another"), earlier(many, { defaulted: names, orders: [names, reversed] })))
    let reads = 0
    const counted = Object.defineProperty({ ...many }, "field0", { enumerable: true, get: () => ++reads })
    recognizes(ruleOne("another"), earlier(counted, { given: counted, defaulted: names }))
    assert.isBelow(reads, 100, "no value is written for each of the texts")
  })
})
