/**
 * `Text` is what may stand on a terminal: what is stored, or was sent by somebody, must not move its cursor or hide a
 * line.
 */

/**
 * Characters that a terminal acts on: the control characters, and those that turn the direction of writing. A line
 * break and a tab are not among them where a whole text is shown.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const acting = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

const digitsOf = (character: string): string => character.charCodeAt(0).toString(16)

/** The text with these characters shown as `\u{1b}`. */
export const visible = (text: string): string => text.replace(acting, (found) => `\\u{${digitsOf(found)}}`)

/** Text of JSON with these characters as JSON escapes them: the same value. */
export const visibleJson = (json: string): string =>
  json.replace(acting, (found) => `\\u${digitsOf(found).padStart(4, "0")}`)

/** Columns that a character takes, near enough for a line of words: those of East Asia take two. */
const widthOf = (character: string): number =>
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/u.test(
    character
  )
    ? 2
    : 1

const columnsOf = (text: string): number => [...text].reduce((sum, character) => sum + widthOf(character), 0)

/** At most this many columns of a text. */
export const cut = (text: string, columns: number): string => {
  let used = 0
  let kept = ""
  for (const character of text) {
    used += widthOf(character)
    if (used > columns) return kept
    kept += character
  }
  return kept
}

/** The parts of a word that is longer than a line. */
const broken = (word: string, columns: number): ReadonlyArray<string> => {
  const parts: Array<string> = []
  for (let rest = word; rest !== ""; ) {
    const part = cut(rest, Math.max(2, columns))
    parts.push(part)
    rest = rest.slice(part.length)
  }
  return parts
}

/** The line in as many as it needs: those after the first are indented two more than it is. */
export const wrap = (line: string, columns: number): ReadonlyArray<string> => {
  if (columnsOf(line) <= columns) return [line]
  const indent = /^ */.exec(line)?.[0] ?? ""
  const hanging = `${indent}  `
  const lines: Array<string> = []
  let current = indent
  let isFresh = true
  for (const word of line
    .trim()
    .split(/ +/)
    .flatMap((word) => broken(word, columns - hanging.length))) {
    const next = isFresh ? `${current}${word}` : `${current} ${word}`
    if (isFresh || columnsOf(next) <= columns) current = next
    else {
      lines.push(current)
      current = `${hanging}${word}`
    }
    isFresh = false
  }
  return [...lines, current]
}
