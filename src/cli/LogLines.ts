/**
 * `LogLines` writes log lines to standard error, and neither blocks nor ends the code that logs: where the reader is
 * slow, the pipe is closed or the disk is full, lines are dropped and counted. `LogOutput` says how many, once it can.
 */
import process from "node:process"
import * as Screen from "./Screen.ts"

/** Characters that wait for the reader of standard error; beyond that lines are dropped. */
const maxWaiting = 1_048_576

let dropped = 0
/** What came before may have been cut short: a disk takes what it has room for. */
let isCut = false

/** Writes whole lines, of which there are `count`. */
export const write = (text: string, count: number): void => {
  if (process.stderr.writableLength + text.length > maxWaiting) {
    dropped += count
    return
  }
  Screen.write(process.stderr, isCut ? `\n${text}` : text, (error) => {
    isCut = error != null
    if (isCut) dropped += count
  })
}

/** Lines that could not be written since the process began. */
export const lost = (): number => dropped

/**
 * An error of standard error is told by the callback of each write; without a listener the stream would end the
 * process.
 */
export const survive = (): void => void process.stderr.on("error", () => {})
