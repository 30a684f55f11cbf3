/** A folder of its own for each test, gone with its scope. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer } from "effect"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"

export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "daybook-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

/** The stores on a new file. */
export const temporaryStore = Layer.unwrapScoped(
  Effect.map(temporaryFolder, (folder) => SqliteStore.layer({ filename: join(folder, "daybook.db") }))
)
