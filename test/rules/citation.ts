/**
 * An id, the last one of a range as well: `IN-7`, `M1`, `EP-T3`, `IN-7 to IN-9`, `AP-1..AP-3`. Only the
 * families of the list are ids, so that `IPv4-1` and `SHA-256` are none.
 */
function pattern(families: readonly string[]): RegExp {
  const id = `(${[...families].sort((a, b) => b.length - a.length).join('|')})(\\d+)`
  return new RegExp(
    `(?<![\\w-])${id}(?:\\s*(?:to|through|\\.\\.\\.?|[–…])\\s*${id})?(?![\\w-])`,
    'g',
  )
}

/** The part of an id before its number: `IN-`, `EP-T`, `M`. */
export function familyOf(id: string): string {
  return id.replace(/\d+$/, '')
}

/** What a text cites: ids that exist, and those that do not. */
export interface Citation {
  readonly ids: readonly string[]
  readonly unknown: readonly string[]
}

/**
 * Finds the rules that a text cites.
 *
 * A range stands for every rule between its ends, in the order of the list. A range with ends of two
 * families, or that runs backwards, is unknown as it is written.
 *
 * @param known all ids, in the order of the list
 */
export class Citations {
  private readonly known: readonly string[]
  private readonly pattern: RegExp

  constructor(known: readonly string[]) {
    this.known = known
    this.pattern = pattern([...new Set(known.map(familyOf))])
  }

  in(text: string): Citation {
    const ids = new Set<string>()
    const unknown = new Set<string>()
    for (const [written, family, number, lastFamily, lastNumber] of text.matchAll(this.pattern)) {
      const first = `${family}${number}`
      const last = lastFamily === undefined ? first : `${lastFamily}${lastNumber}`
      for (const id of [first, last]) if (!this.known.includes(id)) unknown.add(id)
      const range = this.between(first, last)
      if (family !== (lastFamily ?? family) || range.length === 0) unknown.add(written)
      else for (const id of range) ids.add(id)
    }
    return { ids: [...ids], unknown: [...unknown] }
  }

  /** The rules of the family of both ends from the first to the last; ends that do not exist count. */
  private between(first: string, last: string): string[] {
    const [from, to] = [numberOf(first), numberOf(last)]
    return this.known.filter((id) => {
      const number = numberOf(id)
      return familyOf(id) === familyOf(first) && number >= from && number <= to
    })
  }
}

function numberOf(id: string): number {
  return Number(id.slice(familyOf(id).length))
}
