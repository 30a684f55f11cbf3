/** HX6 and HX8 with the service on Deno: its document, the clients that are made of it, and the proxy that compares both. */
import { tmpdir } from "node:os"
import process from "node:process"
import { it } from "vitest"
import { isLong } from "../Random.ts"
import { daybook } from "./Deno.ts"

process.env.DAYBOOK_PROGRAM = JSON.stringify(daybook(tmpdir(), "--allow-net=127.0.0.1"))

// They register their tests here; after the line above, so not as static imports.
if (isLong) await import("../http/openapiClients.test.ts")
else it.skip("is for the long form", () => {})
