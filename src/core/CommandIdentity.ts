/**
 * `CommandIdentity` says when two commands with one id are the same command, for every door alike: the embedded call,
 * HTTP, `import`, reactions and the cluster.
 *
 * A command is its aggregate, id and name, and the stored form of the fields that the caller supplied: neither the
 * order of fields nor a default that a later release adds is part of what was said. Where the caller has a fingerprint
 * of its own, that stands for the fields. For an id that Daybook derived from an event, the id says which command it
 * is, and what a later release puts into that command does not matter.
 *
 * A stored fingerprint begins with the number of the rule that made it. One without a number was made by a release
 * before there were numbers: then the text depended on the order in which the payload's fields were declared.
 */
import * as CommandId from "./CommandId.ts"
import * as Json from "./Json.ts"
import * as Platform from "./Platform.ts"

/** The rule of this release. */
const rule = "2:"

/** What a command is addressed to. */
export interface Target {
  readonly aggregate: string
  /** The aggregate's id, encoded. */
  readonly id: string
  readonly command: string
}

/** 128 bits of SHA-256, as 32 hexadecimal digits. */
const digest = (text: string): string => Platform.sha256(text).slice(0, 32)

/** What all commands of one name have in common, made once: every command passes through here. */
export const addressOf = (aggregate: string, command: string): string =>
  `{"aggregate":${JSON.stringify(aggregate)},"command":${JSON.stringify(command)}`

/**
 * The fingerprint of a command: `address` is that of its name, `said` the canonical JSON of the stored form of the
 * fields that the caller supplied, empty where there are none; `own` is the caller's fingerprint. The digest is of
 * canonical JSON too, keys in their order.
 */
export const of = (address: string, id: string, commandId: string, said: string, own: string | undefined): string => {
  const addressee = `"id":${JSON.stringify(id)}`
  if (CommandId.isDerived(commandId)) return `${rule}${digest(`${address},${addressee}}`)}`
  return own === undefined
    ? `${rule}${digest(said === "" ? `${address},${addressee}}` : `${address},${addressee},"payload":${said}}`)}`
    : `${rule}${digest(`${address},"fingerprint":${JSON.stringify(own)},${addressee}}`)}`
}

/** What a release before rule 2 may have made a fingerprint from. It is JSON, so it can travel to another node. */
export interface Earlier {
  /** The fields as they were given, with their defaults, as far as they are JSON. */
  readonly given: unknown
  /** The stored form of the same. */
  readonly form: unknown
  /** Fields of the stored form that a default filled in. */
  readonly defaulted: ReadonlyArray<string>
  /** Fingerprints of the caller's own, of this release and of earlier ones. */
  readonly fingerprints: ReadonlyArray<string>
  /** Orders in which this release and earlier ones declare the fields, where they are too many to try all orders. */
  readonly orders: ReadonlyArray<ReadonlyArray<string>>
}

/**
 * Most fields whose orders are all tried: 5,040 digests, some milliseconds, and only for a retry of a command that was
 * stored before rule 2 with its fields in another order.
 */
export const maxPermuted = 7

/** Most texts that are digested for one retry: 30 ms. */
const maxTexts = 20_000

function* permutations(items: ReadonlyArray<string>): Iterable<ReadonlyArray<string>> {
  if (items.length < 2) {
    yield items
    return
  }
  for (const [index, first] of items.entries()) {
    for (const rest of permutations([...items.slice(0, index), ...items.slice(index + 1)])) yield [first, ...rest]
  }
}

/** Every choice of some of the items (of the first few), all of them first. */
const choices = ([first, ...rest]: ReadonlyArray<string>, room = maxPermuted): ReadonlyArray<ReadonlyArray<string>> => {
  if (first === undefined || room === 0) return [[]]
  const others = choices(rest, room - 1)
  return [...others.map((each) => [first, ...each]), ...others]
}

/** Texts that the earlier rule may have digested. */
function* texts({ defaulted, form, given, orders }: Earlier): Iterable<string> {
  if (!Json.isPlainObject(form)) {
    // The value as it was given too: today's schema may store it as another text.
    for (const value of [form, given]) if (value !== undefined) yield Json.canonical(value)
    yield ""
    return
  }
  const asGiven = Json.isPlainObject(given) ? given : {}
  for (const values of [form, { ...form, ...asGiven }]) {
    const fields = Object.keys(values).filter((name) => values[name] !== undefined)
    const parts = new Map(fields.map((name) => [name, `${JSON.stringify(name)}:${Json.canonical(values[name])}`]))
    const write = (names: ReadonlyArray<string>) => `{${names.map((name) => parts.get(name)).join(",")}}`
    // A default of today may not have been there then.
    for (const filled of choices(defaulted)) {
      const names = fields.filter((name) => !defaulted.includes(name) || filled.includes(name))
      yield write(names)
      yield write([...names].sort())
      for (const order of orders) yield write(order.filter((name) => names.includes(name)))
      if (names.length <= maxPermuted) for (const order of permutations(names)) yield write(order)
    }
  }
}

/** Whether a fingerprint of a release before rule 2 was made of this command. */
export const recognizes = (
  { aggregate, command, id }: Target,
  commandId: string,
  earlier: Earlier,
  stored: string
): boolean => {
  if (stored.startsWith(rule)) return false
  if (CommandId.isDerived(commandId) || earlier.fingerprints.includes(stored)) return true
  if (!/^[0-9a-f]{32}$/.test(stored)) return false
  let tried = 0
  for (const text of texts(earlier)) {
    if (++tried > maxTexts) return false
    if (digest(`${aggregate}\0${id}\0${command}\0${text}`) === stored) return true
  }
  return false
}
