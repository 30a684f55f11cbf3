/**
 * `OtherMoment` runs a function as if at another time and with other random numbers. What it gives differs from what it
 * gives now exactly where it does not come from its input.
 *
 * The function must not wait: while it runs, the whole process sees that time.
 */

/** Far enough that the day, the month and the year are others too. */
const shift = 400 * 24 * 3_600_000 + 3_723_004

export const run = <A>(work: () => A): A => {
  const { Date: RealDate } = globalThis
  const { random } = Math
  const now = () => RealDate.now() + shift
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, values, self) =>
      Reflect.construct(target, values.length === 0 ? [now()] : values, self === globalThis.Date ? target : self),
    apply: () => new RealDate(now()).toString(),
    get: (target, key) => (key === "now" ? now : Reflect.get(target, key))
  })
  Math.random = () => 1 - random() / 2 - Number.EPSILON
  try {
    return work()
  } finally {
    globalThis.Date = RealDate
    Math.random = random
  }
}
