/** OP1 to OP4, OP6, OP7 and OP9 with `daybook` on Deno. */
import { tmpdir } from "node:os"
import process from "node:process"
import { daybook } from "./Deno.ts"

process.env.DAYBOOK_PROGRAM = JSON.stringify(daybook(tmpdir(), "--allow-net=127.0.0.1"))

// They register their tests here; after the line above, so not as static imports.
await import("../cli/restore.test.ts")
await import("../cli/terminal.test.ts")
await import("../cli/usage.test.ts")
await import("../http/corruption.test.ts")
await import("../http/faults.test.ts")
await import("../http/traces.test.ts")
