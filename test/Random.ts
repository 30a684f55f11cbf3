/** Random numbers of a test, from a seed that is printed: `DAYBOOK_SEED` repeats a run. */
import process from "node:process"

/** Whether the long forms run, as `npm run test:long` does. */
export const isLong = process.env.DAYBOOK_LONG === "1"

export const seed = Number(process.env.DAYBOOK_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** Numbers from 0 to 1, the same for a name and a seed. The seed is printed. */
export const random = (name: string): (() => number) => {
  console.log(`${name}: DAYBOOK_SEED=${seed}`)
  return sequence(name)
}

/** The same for one of many, whose failure names the seed. Mulberry32. */
export const sequence = (name: string): (() => number) => {
  let state = [...name].reduce((sum, letter) => (Math.imul(sum, 31) + (letter.codePointAt(0) ?? 0)) | 0, seed)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
