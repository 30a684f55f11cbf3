/**
 * `ProtectiveHeaders` are what every answer tells browsers: that its type is what it says, that it must not be cached,
 * runs nothing, and is not for pages of another origin. A page that runs its own script has a policy of its own, as
 * narrow as the page allows.
 */

/** A content security policy: what may be loaded, by kind. What is not named may not be. */
const policy = (allowed: Readonly<Record<string, string>>): string =>
  [
    "default-src 'none'",
    ...Object.entries(allowed).map(([kind, from]) => `${kind} ${from}`),
    // These do not follow `default-src`.
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'"
  ].join("; ")

/** The field by which an answer says what it may load. */
export const policyField = "content-security-policy"

/** For every answer that says nothing else. */
export const always: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  [policyField]: policy({}),
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  // For browsers that do not know `frame-ancestors`.
  "x-frame-options": "DENY"
}

/** For a page: it shares no process with pages that it opens or that open it, and asks for no device. */
const ofPage = {
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
}

/** For the console: its own files and nothing else, so that no text of an event can become a script. */
export const ofConsole: Readonly<Record<string, string>> = {
  ...ofPage,
  [policyField]: policy({
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'"
  })
}

/**
 * For the documentation, whose script comes within the page and makes more of it: it loads nothing from anywhere else,
 * so that it works without a network and tells nobody of its reader.
 */
export const ofDocs: Readonly<Record<string, string>> = {
  ...ofPage,
  [policyField]: policy({
    "script-src": "'unsafe-inline' 'unsafe-eval'",
    "style-src": "'unsafe-inline'",
    "img-src": "data: blob:",
    "font-src": "data:",
    "connect-src": "'self'",
    "worker-src": "blob:"
  })
}
