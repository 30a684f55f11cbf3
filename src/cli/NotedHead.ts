/** `NotedHead` is the head of a log as one notes it down: a line of JSON, with a signature where there is a key. */
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto"
import { readFileSync } from "node:fs"
import { Effect, ParseResult, Schema } from "effect"
import type { JournalHead } from "../core/Journal.ts"
import { Finding } from "./UsageError.ts"

const digits = (count: number) => Schema.String.pipe(Schema.pattern(new RegExp(`^[0-9a-f]{${count}}$`)))
const whole = Schema.NonNegativeInt

const Fields = Schema.Struct({
  logId: digits(32),
  epoch: whole,
  sequence: whole,
  position: whole,
  hash: digits(64),
  recordedAt: Schema.String.pipe(
    Schema.filter((text) => new Date(text).getTime() >= 0 || "it is not a time"),
    Schema.filter((text) => new Date(text).toISOString() === text || "it is not a time in milliseconds of UTC")
  ),
  signature: Schema.optional(Schema.String)
})
type Fields = typeof Fields.Type

const decode = Schema.decodeUnknownEither(Schema.parseJson(Fields), { onExcessProperty: "error" })

/** What is signed: the head's fields in one order, without white space. */
const signed = ({ epoch, hash, logId, position, recordedAt, sequence }: Fields): Buffer =>
  Buffer.from(JSON.stringify({ logId, epoch, sequence, position, hash, recordedAt }))

const fileOf = <A>(file: string, what: string, read: (text: string) => A) =>
  Effect.try({
    try: () => read(readFileSync(file, "utf8")),
    catch: (cause) => new Finding({ reason: `${file} ${what}: ${cause instanceof Error ? cause.message : cause}` })
  })

/** The line, signed with the private key in the file, where one is given: PEM, Ed25519. */
export const line = Effect.fnUntraced(function* (head: JournalHead, keyFile: string | undefined) {
  const { epoch, hash, logId, position, sequence } = head
  const fields = { logId, epoch, sequence, position, hash, recordedAt: new Date(head.recordedAt).toISOString() }
  if (keyFile === undefined) return JSON.stringify(fields)
  const signature = yield* fileOf(keyFile, "gives no signature", (pem) => {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType !== "ed25519") throw new Error("the key is not of Ed25519")
    return sign(null, signed(fields), key).toString("base64")
  })
  return JSON.stringify({ ...fields, signature })
})

/** The head in the file, whose signature is checked where a key is given: PEM, Ed25519, public or private. */
export const read = Effect.fnUntraced(function* (file: string, keyFile: string | undefined) {
  const text = yield* fileOf(file, "cannot be read", (text) => text)
  const decoded = decode(text)
  if (decoded._tag === "Left") {
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(decoded.left)
    const where = issue === undefined || issue.path.length === 0 ? "" : ` at ${issue.path.join(".")}`
    return yield* new Finding({ reason: `${file} is not the head of a log${where}; daybook head prints one` })
  }
  const fields = decoded.right
  if (keyFile !== undefined) {
    const { signature } = fields
    if (signature === undefined) return yield* new Finding({ reason: `${file} has no signature to check` })
    const holds = yield* fileOf(keyFile, "cannot check a signature", (pem) =>
      verify(null, signed(fields), createPublicKey(pem), Buffer.from(signature, "base64"))
    )
    if (!holds) return yield* new Finding({ reason: `${file}: the signature is not of this head and this key` })
  }
  const { recordedAt, signature: _, ...head } = fields
  return { ...head, recordedAt: new Date(recordedAt).getTime() } satisfies JournalHead
})
