/**
 * `SignInAttempts` bounds how many tokens one address may try: a number of failures in a window, counted from the first
 * of them; one more waits for its end. An attempt counts while it is under way, so that many at once are not a way
 * around it. Behind a proxy all clients have one address, and share what may fail; the tokens themselves are taken as
 * ever.
 */

export interface Bounds {
  /** Attempts that may fail in a window. */
  readonly most: number
  readonly windowMs: number
}

interface Tried {
  since: number
  count: number
}

/** Addresses that are told apart at once: beyond that the one is forgotten that has been known for longest. */
const maxAddresses = 4_096

/** Anyone with an IPv6 address has a whole network of them. */
const networkOf = (address: string): string => {
  if (!address.includes(":") || address.startsWith("::ffff:")) return address
  const [before = "", after] = address.split("::")
  const head = before.split(":")
  const tail = after === undefined || after === "" ? [] : after.split(":")
  const groups =
    after === undefined ? head : [...head, ...Array(Math.max(8 - head.length - tail.length, 0)).fill("0"), ...tail]
  return groups.slice(0, 4).join(":")
}

export class SignInAttempts {
  private readonly bounds: Bounds
  private readonly tried = new Map<string, Tried>()

  constructor(bounds: Bounds) {
    this.bounds = bounds
  }

  /** Counts an attempt; or gives the milliseconds until the address may try again. */
  begin(address: string, now: number): number {
    const { most, windowMs } = this.bounds
    const network = networkOf(address)
    const known = this.tried.get(network)
    if (known === undefined || now - known.since >= windowMs) {
      this.tried.delete(network)
      this.makeRoom()
      this.tried.set(network, { since: now, count: 1 })
      return 0
    }
    if (known.count >= most) return known.since + windowMs - now
    known.count++
    return 0
  }

  /** It did not fail after all. */
  succeeded(address: string): void {
    const known = this.tried.get(networkOf(address))
    if (known !== undefined) known.count--
  }

  private makeRoom(): void {
    if (this.tried.size < maxAddresses) return
    const [oldest] = this.tried.keys()
    if (oldest !== undefined) this.tried.delete(oldest)
  }
}
