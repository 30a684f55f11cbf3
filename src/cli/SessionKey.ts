/** `SessionKey` is the key that the sign-ins of browsers are sealed with, where several nodes answer one browser. */
import { Buffer } from "node:buffer"
import { Effect } from "effect"
import { keyBytes } from "../http/SignIns.ts"
import * as TextFile from "./TextFile.ts"
import { Finding } from "./UsageError.ts"

const digits = new RegExp(`^[0-9a-fA-F]{${2 * keyBytes}}$`)

/** The key in a file, which has it in hexadecimal. */
export const read = (path: string): Effect.Effect<Uint8Array, Finding> =>
  Effect.gen(function* () {
    const text = yield* TextFile.read("the session key", path)
    if (digits.test(text.trim())) return Buffer.from(text.trim(), "hex")
    const how = `openssl rand -hex ${keyBytes} > FILE makes one`
    return yield* new Finding({ reason: `the session key ${path} is not ${2 * keyBytes} hexadecimal digits; ${how}` })
  })
