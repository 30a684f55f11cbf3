/**
 * HX2 to HX5, HX7, HX9 and HX10 with the service on Deno: the tests of HTTP that need no limits of their own. What they check in this
 * process alone, such as tokens that change between two requests, they leave out.
 */
import { tmpdir } from "node:os"
import process from "node:process"
import { daybook } from "./Deno.ts"

process.env.DAYBOOK_PROGRAM = JSON.stringify(daybook(tmpdir(), "--allow-net=127.0.0.1"))

// They register their tests here; after the line above, so not as static imports.
await import("../http/contract.test.ts")
await import("../http/newerRelease.test.ts")
await import("../http/requestTarget.test.ts")
await import("../http/tokens.test.ts")
await import("../http/jwt.test.ts")
await import("../http/principal.test.ts")
