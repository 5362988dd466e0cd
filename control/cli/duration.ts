const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
] as const

/** An age as kubectl prints it: at most two units, `5m12s` or `3d4h`. */
export function formatAge(seconds: number): string {
  let rest = Math.max(0, Math.floor(seconds))
  const parts: string[] = []
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size)
    if (count === 0 && parts.length === 0 && unit !== 's') continue
    if (count > 0 || parts.length === 0) parts.push(`${count}${unit}`)
    rest -= count * size
    if (parts.length === 2 || (parts.length === 1 && rest === 0)) break
  }
  return parts.join('')
}

/** A short time with the unit that suits it: `85 us`, `1.2 ms`, `3.4 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} us`
  if (seconds < 1) return `${twoDigits(seconds * 1e3)} ms`
  return `${twoDigits(seconds)} s`
}

/** At least two digits, and never an exponent. */
function twoDigits(value: number): string {
  return value < 9.95 ? value.toFixed(1) : value.toFixed(0)
}

/** Bytes in binary units: `6.3 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} KiB`
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}
