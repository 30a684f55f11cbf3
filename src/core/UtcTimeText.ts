/**
 * `UtcTimeText` is how callers write a time, over HTTP and on the command line: RFC 3339 in UTC, and one that exists.
 */

/** What is expected of a text that is none. */
export const expected = "a time of RFC 3339 in UTC, such as 2026-01-31T12:00:00Z"

/** `Date` alone would take 30 February for 2 March, and `foo 1` for a day of 2001. */
export const isTime = (text: string): boolean => {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/.test(text)) return false
  const time = Date.parse(text)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text.slice(0, 19))
}
