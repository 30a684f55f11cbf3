/** What a browser has in place of Node's own: the same results. */
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Platform from "../../src/core/Platform.ts"
import * as PlatformBrowser from "../../src/core/PlatformBrowser.ts"

const text = FastCheck.oneof(
  FastCheck.string({ unit: "binary", maxLength: 300 }),
  // Around the ends of blocks of 64 bytes.
  FastCheck.integer({ min: 0, max: 260 }).map((length) => "a".repeat(length))
)

describe("the platform of a browser", () => {
  it("hashes, measures and compares texts as Node does", () => {
    FastCheck.assert(
      FastCheck.property(text, text, (left, right) => {
        assert.strictEqual(PlatformBrowser.sha256(left), Platform.sha256(left))
        assert.strictEqual(PlatformBrowser.byteLength(left), Platform.byteLength(left))
        assert.strictEqual(PlatformBrowser.compareBytes(left, right), Platform.compareBytes(left, right))
        assert.strictEqual(PlatformBrowser.compareBytes(left, left), 0)
      })
    )
  })

  it("writes bytes as Node does", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.uint8Array(), FastCheck.string({ unit: "grapheme-ascii" }), (bytes, ascii) => {
        assert.strictEqual(PlatformBrowser.toHex(bytes), Platform.toHex(bytes))
        assert.strictEqual(PlatformBrowser.fromAscii(PlatformBrowser.toAscii(ascii)), ascii)
        assert.strictEqual(Platform.fromAscii(Platform.toAscii(ascii)), ascii)
      })
    )
  })

  it("finds equal what Node finds equal", () => {
    class Point {
      readonly x: number
      constructor(x: number) {
        this.x = x
      }
    }
    const make = [
      () => 0,
      () => -0,
      () => Number.NaN,
      () => 1n,
      () => "a",
      () => null,
      () => undefined,
      () => [1, [2]],
      () => [1, undefined],
      () => [1],
      () => ({ a: 1, b: { c: [] } }),
      () => ({ b: { c: [] }, a: 1 }),
      () => ({ a: undefined }),
      () => ({}),
      () => new Point(1),
      () => new Point(2),
      () => ({ x: 1 }),
      () => new Date(0),
      () => new Date(1),
      () => new Map([["a", [1]]]),
      () => new Map([["a", [2]]]),
      () => new Set([[1], [2]]),
      () => new Set([[2], [1]]),
      () => new Uint8Array([1, 2]),
      () => new Uint8Array([1, 2, 0]),
      () => /a/g,
      () => /a/
    ]
    for (const left of make) {
      for (const right of make) {
        const [ours, theirs] = [PlatformBrowser, Platform].map((each) => each.isDeepStrictEqual(left(), right()))
        assert.strictEqual(ours, theirs, `${left} and ${right}`)
      }
    }
  })
})
