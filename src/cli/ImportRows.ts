/**
 * `ImportRows` is how a format of import applies its lines: a window of rows at a time, each parsed, then applied
 * together, so that many streams are written at once. Rows before the first wrong line are applied, and then it says
 * which one is wrong.
 */
import { Chunk, Effect, Stream } from "effect"
import type { ImportSource, Line } from "../projection/ImportFormat.ts"

/** Lines that are read before their rows are applied. */
export const windowSize = 8_192

/** `parse` makes rows of one line; `apply` applies the rows of a window, each stream's in order. */
export const run = <Row, E extends Error, R, R2>(
  { lines }: ImportSource,
  parse: (line: Line) => Effect.Effect<ReadonlyArray<Row>, E, R>,
  apply: (rows: ReadonlyArray<ReadonlyArray<Row>>) => Effect.Effect<void, E, R2>
): Effect.Effect<void, Error, R | R2> =>
  Effect.suspend(() => {
    let wrong: Error | undefined
    const endAtWrong = Stream.catchAll((error: Error) => {
      wrong = error
      return Stream.empty
    })
    return lines.pipe(
      endAtWrong,
      Stream.mapEffect(parse),
      endAtWrong,
      Stream.rechunk(windowSize),
      Stream.chunks,
      Stream.runForEach((rows) => apply(Chunk.toReadonlyArray(rows))),
      Effect.flatMap(() => (wrong === undefined ? Effect.void : Effect.fail(wrong)))
    )
  })
