/** Runs the tour of `docs/http.md`: each command as it stands there, and its answer too. */
import { join } from "node:path"
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as Service from "./Service.ts"
import * as Tour from "./Tour.ts"

describe("docs/http.md", () => {
  it.scopedLive("shows what the service answers", () =>
    Effect.gen(function* () {
      const { url } = yield* Service.start(["--db", `sqlite:${join(yield* temporaryFolder, "d.db")}`])
      yield* Tour.run(url)
    })
  )
})
