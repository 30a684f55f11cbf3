/** How numbers, times and values are written. Times are in UTC; the local time is shown on hover. */

const grouped = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 1 })
export const count = (value: number): string => grouped.format(value)

export const rate = (value: number | null): string => (value === null ? "–" : `${grouped.format(value)}/s`)
export const millis = (value: number | null): string => (value === null ? "–" : `≤ ${grouped.format(value)} ms`)

export const bytes = (value: number): string => {
  const units = ["B", "kB", "MB", "GB", "TB"]
  const power = value === 0 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), units.length - 1)
  return `${grouped.format(value / 1_000 ** power)} ${units[power]}`
}

export const duration = (seconds: number): string => {
  if (seconds < 60) return `${grouped.format(seconds)} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3_600)} h`
}

/** `2026-01-31 12:00:00.000`, in UTC. */
export const utc = (time: string): string => time.replace("T", " ").replace("Z", "")
export const local = (time: string): string => {
  const date = new Date(time)
  return Number.isNaN(date.getTime())
    ? time
    : `${date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" })} (${Intl.DateTimeFormat().resolvedOptions().timeZone})`
}

/** Control characters that data may hold, made visible: they could turn a line around. */
const hidden = /\p{Cc}|\p{Cf}/gu
export const visible = (text: string): string =>
  text.replace(hidden, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)

/** A name as it stands in JSON, in words: `openingBalance` is "Opening balance". */
export const words = (name: string): string => {
  const text = visible(name).replace(/(?<=[a-z\d])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`
}

/** A value of JSON in one line. */
export const inline = (value: unknown): string =>
  visible(typeof value === "string" ? value : value === undefined ? "nothing" : JSON.stringify(value))

/** A number of minor units with its decimals: 1250 with 2 of them is 12.50. Anything else is as it is. */
export const scaled = (value: unknown, decimals: number): string => {
  const text = inline(value)
  if (decimals === 0 || !/^-?\d+$/.test(text)) return text
  const digits = text.replace("-", "").padStart(decimals + 1, "0")
  return `${text.startsWith("-") ? "−" : ""}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
}

export const plural = (amount: number, one: string, several = `${one}s`): string =>
  `${count(amount)} ${amount === 1 ? one : several}`
