/** Milliseconds as seconds to the microsecond, for logs and status: a clock's other digits are noise. */
export function toSeconds(milliseconds: number): number {
  return Math.round(milliseconds * 1e3) / 1e6
}
