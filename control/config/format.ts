import { Document, isScalar, type Node, Scalar } from 'yaml'
import { formatDuration } from './duration.ts'
import { fieldPaths, isDuration, isSection, type Section } from './fields.ts'
import * as own from './kproxy-schema.ts'
import * as upstream from './kube-proxy-schema.ts'
import type { Provenance } from './layer.ts'
import { splitPath } from './reader.ts'
import type { Configuration } from './resolve.ts'

/** A configuration as a file has it: durations as text, apiVersion and kind first. */
export type ConfigObject = Readonly<Record<string, unknown>>

/**
 * The document that would lead to this configuration, all fields written out: for `--write-config-to`, `config print`
 * and /configz. As in kube-proxy, a zero that only a flag can set, such as an empty healthzBindAddress, means the default
 * when it is read back.
 */
export function toObject(config: upstream.KubeProxyConfiguration): ConfigObject {
  const head = { apiVersion: upstream.API_VERSION, kind: upstream.KIND }
  return { ...head, ...writable(upstream.kubeProxySchema, config) }
}

/** The same for our own settings. */
export function toOwnObject(config: own.KproxyConfiguration): ConfigObject {
  return { apiVersion: own.API_VERSION, kind: own.KIND, ...writable(own.kproxySchema, config) }
}

function writable(schema: Section, values: object): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(schema.entries)) {
    const value = (values as Record<string, unknown>)[name]
    if (isSection(field)) result[name] = writable(field, value as object)
    else result[name] = isDuration(field) ? formatDuration(value as number) : value
  }
  return result
}

/** Both documents as one YAML file, each value with a comment that says where it comes from. */
export function toYaml({ kubeProxy, kproxy, provenance }: Configuration): string {
  return [
    annotate(toObject(kubeProxy), upstream.kubeProxySchema, provenance),
    annotate(toOwnObject(kproxy), own.kproxySchema, provenance),
  ].join('---\n')
}

function annotate(
  object: ConfigObject,
  schema: Section,
  provenance: ReadonlyMap<string, Provenance>,
): string {
  const document = new Document(object)
  for (const path of fieldPaths(schema)) {
    const origin = provenance.get(path)
    const node = document.getIn(splitPath(path), true) as Node | undefined
    if (origin === undefined || node === undefined) continue
    const comment = ` ${formatProvenance(origin)}`
    if (isScalar(node)) node.comment = comment
    else keyOf(document, path).commentBefore = comment
  }
  return document.toString({ lineWidth: 0 })
}

function keyOf(document: Document, path: string): Scalar {
  const keys = splitPath(path)
  const map = keys.length === 1 ? document.contents : document.getIn(keys.slice(0, -1), true)
  const { items } = map as unknown as { items: { key: Scalar | string }[] }
  const pair = items.find(({ key }) => (isScalar(key) ? key.value : key) === keys.at(-1))
  if (pair === undefined) throw new Error(`no key ${path}`)
  if (!isScalar(pair.key)) pair.key = new Scalar(pair.key)
  return pair.key
}

/** `default`, or where it is written. */
export function formatProvenance({ from, at }: Provenance): string {
  return from === 'default' ? from : at
}
