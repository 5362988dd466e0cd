import { type FlagKind, KPROXY_FLAGS, KUBE_PROXY_FLAGS, OTHER_FLAGS } from './flags.ts'
import type { Problem } from './problem.ts'

/** The texts that a flag was given, by its name without dashes; a bool without a value has `true`. */
export type FlagTexts = Readonly<Record<string, readonly string[]>>

export interface FlagField {
  /** The flag, as `--cluster-cidr`. */
  readonly at: string
  readonly path: string
  /** As a file would have it. */
  readonly value: unknown
}

/** What the command line says, sorted by what it is about. */
export interface FlagValues {
  readonly kubeProxy: readonly FlagField[]
  readonly kproxy: readonly FlagField[]
  /** Those of OTHER_FLAGS, by name. */
  readonly other: Readonly<Record<string, string>>
  readonly problems: readonly Problem[]
}

/** Reads the values of flags. @param hasFile whether --config is given: most flags of kube-proxy do not count then */
export function readFlags(texts: FlagTexts, hasFile: boolean): FlagValues {
  const problems: Problem[] = []
  const ignored = (at: string, message: string) =>
    problems.push({ severity: 'warning', at: '', path: '', message: `${at} ${message}` })
  const mode = hasFile ? '' : (texts['proxy-mode']?.at(-1) ?? '')

  function fields(flags: typeof KUBE_PROXY_FLAGS): FlagField[] {
    return flags.flatMap(({ name, kind, path: place, always }) => {
      const given = texts[name]
      if (given === undefined) return []
      const at = `--${name}`
      const path = typeof place === 'string' ? place : place(mode)
      if (hasFile && always !== true) {
        const field = path ?? `ipvs.${name.slice('ipvs-'.length)}`
        ignored(
          at,
          `is ignored because --config is given; write ${field} in the file, or remove the flag`,
        )
        return []
      }
      if (path === undefined) {
        ignored(at, `does not count with --proxy-mode="${mode}"; remove it`)
        return []
      }
      const value = parsers[kind](given)
      if (value === undefined) {
        const message = `${path} is ${JSON.stringify(given.at(-1))}: write ${WANTED[kind]}`
        problems.push({ severity: 'error', at, path, message })
        return []
      }
      return [{ at, path, value }]
    })
  }

  const other: Record<string, string> = {}
  for (const { name, always } of OTHER_FLAGS) {
    const given = texts[name]?.at(-1)
    if (given === undefined) continue
    if (hasFile && always !== true)
      ignored(`--${name}`, 'is ignored because --config is given; remove it')
    else other[name] = given
  }
  return { kubeProxy: fields(KUBE_PROXY_FLAGS), kproxy: fields(KPROXY_FLAGS), other, problems }
}

const WANTED: Readonly<Record<FlagKind, string>> = {
  text: 'a text',
  bool: 'true or false',
  number: 'a number',
  list: 'a list',
  gates: 'names and values, such as A=true,B=false',
  vmodule: 'patterns and levels, such as main=4,api=2',
}

const parsers: Readonly<Record<FlagKind, (texts: readonly string[]) => unknown>> = {
  text: (texts) => texts.at(-1),
  bool: (texts) => parseBool(texts.at(-1) ?? ''),
  number: (texts) => {
    const value = texts.at(-1)?.trim() ?? ''
    return value === '' || Number.isNaN(Number(value)) ? undefined : Number(value)
  },
  list: (texts) => texts.flatMap((text) => (text === '' ? [] : text.split(','))),
  gates: (texts) => pairs(texts, parseBool, (entries) => Object.fromEntries(entries)),
  vmodule: (texts) =>
    pairs(
      texts,
      (level) => (/^\d+$/.test(level) ? Number(level) : undefined),
      (entries) => entries.map(([filePattern, verbosity]) => ({ filePattern, verbosity })),
    ),
}

function pairs<T, R>(
  texts: readonly string[],
  parse: (text: string) => T | undefined,
  build: (entries: [string, T][]) => R,
): R | undefined {
  const entries: [string, T][] = []
  for (const pair of texts.flatMap((text) => text.split(',')).filter((text) => text !== '')) {
    const split = pair.indexOf('=')
    const value = split < 1 ? undefined : parse(pair.slice(split + 1).trim())
    if (value === undefined) return undefined
    entries.push([pair.slice(0, split).trim(), value])
  }
  return build(entries)
}

/** As Go's strconv.ParseBool. */
export function parseBool(text: string): boolean | undefined {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true
  return /^(0|f|F|false|FALSE|False)$/.test(text) ? false : undefined
}
