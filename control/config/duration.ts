const UNIT_SECONDS: Readonly<Record<string, number>> = {
  ns: 1e-9,
  us: 1e-6,
  µs: 1e-6,
  μs: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
}

const DURATION = /^[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g

/** What Go's time.Duration holds at most, in seconds: 2^63 ns. */
const LONGEST_SECONDS = 9_223_372_036

/**
 * Reads a duration as Go writes it, such as `1h15m` or `1.5s`.
 *
 * @returns seconds, or undefined where the text is no duration
 */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined
  const seconds = text
    .matchAll(PART)
    .reduce((sum, [, count, unit]) => sum + Number(count) * (UNIT_SECONDS[unit ?? ''] ?? 0), 0)
  if (seconds > LONGEST_SECONDS) return undefined
  return text.startsWith('-') ? 0 - toNanosecond(seconds) : toNanosecond(seconds)
}

/** Longer ones are kept to the microsecond: that is what a double holds of them. */
const LONG_SECONDS = 1e6

/** Takes the errors of adding decimal fractions out; Go counts nanoseconds. */
export function toNanosecond(seconds: number): number {
  const unit = seconds < LONG_SECONDS ? 1e9 : 1e6
  return Math.round(seconds * unit) / unit
}

/** Writes a duration as Go does: `24h0m0s`, `1m30s`, `1.5s`, `100ms`, `0s`. @param seconds of it */
export function formatDuration(seconds: number): string {
  if (seconds === 0) return '0s'
  if (seconds < 0) return `-${formatDuration(-seconds)}`
  if (seconds < 1e-6) return `${Math.round(seconds * 1e9)}ns`
  if (seconds < 1e-3) return `${round(seconds * 1e6, 3)}µs`
  if (seconds < 1) return `${round(seconds * 1e3, 6)}ms`
  const whole = Math.floor(seconds)
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor((whole % 3600) / 60)
  const rest = `${round((whole % 60) + (seconds - whole), seconds < LONG_SECONDS ? 9 : 6)}s`
  if (hours > 0) return `${hours}h${minutes}m${rest}`
  return minutes > 0 ? `${minutes}m${rest}` : rest
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
