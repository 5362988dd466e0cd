import { isNodeName } from '../model/node-name.ts'
import { complete } from './complete.ts'
import type { ConfigDocument, ConfigDocuments } from './documents.ts'
import { type EffectiveConfig, effectiveConfig } from './effective.ts'
import { type FlagTexts, readFlags } from './flag-values.ts'
import * as own from './kproxy-schema.ts'
import * as upstream from './kube-proxy-schema.ts'
import { Layer, type Provenance } from './layer.ts'
import { remarks } from './notices.ts'
import { type Finding, inOrder, type Problem } from './problem.ts'
import { read } from './reader.ts'
import { validate } from './validate.ts'

export interface ConfigInputs {
  /** The file of --config. */
  readonly file?: ConfigDocuments
  readonly flags: FlagTexts
  readonly environment: Environment
}

/** What counts where neither the file nor a flag says anything. */
export interface Environment {
  /** The host's name. */
  readonly hostname: string
  /** $NODE_NAME */
  readonly nodeName?: string | undefined
  /** $KUBECONFIG */
  readonly kubeconfig?: string | undefined
}

/** A configuration with everything that can be said about it. */
export interface Configuration {
  readonly kubeProxy: upstream.KubeProxyConfiguration
  readonly kproxy: own.KproxyConfiguration
  /** By path, such as `conntrack.min` or `maxServices`. */
  readonly provenance: ReadonlyMap<string, Provenance>
  readonly problems: readonly Problem[]
  /** undefined while there are errors. */
  readonly effective: EffectiveConfig | undefined
}

/** Puts file, flags and environment together. Pure; never throws for what they hold. */
export function resolveConfiguration(inputs: ConfigInputs): Configuration {
  const { file, environment } = inputs
  const problems: Problem[] = []
  const flags = readFlags(withNodeName(inputs.flags, problems), file !== undefined)
  problems.push(...flags.problems)
  const before = problems.length
  const documents = file === undefined ? {} : sortDocuments(file, problems)
  const readable = problems.length === before
  const given = new Layer<upstream.KubeProxyConfiguration>(
    upstream.kubeProxySchema,
    documents.upstream,
    flags.kubeProxy,
    (path) => !upstream.ZERO_IS_A_VALUE.has(path),
  )
  const extra = new Layer<own.KproxyConfiguration>(
    own.kproxySchema,
    documents.own,
    flags.kproxy,
    () => false,
  )
  const { 'healthz-port': healthz, 'metrics-port': metrics, master = '' } = flags.other
  const { config, findings } = complete(given.value, {
    written: given.reading.written,
    hasFile: file !== undefined,
    ports: { ...(healthz && { healthz }), ...(metrics && { metrics }) },
  })
  const wrong = new Set(given.reading.findings.map(({ path }) => path))
  problems.push(
    ...given.describe(upstream.KIND, 'warning'),
    ...given.place(findings),
    ...given.place(validate(config).filter(({ path }) => !wrong.has(path))),
    ...extra.describe(own.KIND, 'error'),
  )
  for (const name of ['boot-id-file', 'machine-id-file']) {
    if (flags.other[name] === undefined) continue
    problems.push({ severity: 'notice', at: '', path: '', message: `--${name} has no effect` })
  }
  const defaults = read<upstream.KubeProxyConfiguration>(upstream.kubeProxySchema, {}, () => true)
  const refused = new Set(problems.map(({ severity, path }) => severity === 'error' && path))
  // Of a file that could not be read nothing is known, not even what it leaves out.
  const remarkable = readable ? remarks(config, defaults.value, given.reading.written) : []
  problems.push(...given.place(remarkable.filter(({ path }) => !refused.has(path))))

  const provenance = new Map([...given.provenance(), ...extra.provenance()])
  const kubeProxy = fillFromEnvironment(config, extra.value, environment, provenance)
  const nodeName = (kubeProxy.hostnameOverride || environment.hostname).trim().toLowerCase()
  if (!isNodeName(nodeName)) {
    problems.push(...given.place([namelessNode(kubeProxy.hostnameOverride, nodeName)]))
  }
  checkOrigin(config, extra.value, provenance, problems)
  const broken = problems.some(({ severity }) => severity === 'error')
  const { kubeconfig } = kubeProxy.clientConnection
  return {
    kubeProxy,
    kproxy: extra.value,
    provenance,
    problems: inOrder(problems),
    effective: broken
      ? undefined
      : effectiveConfig(kubeProxy, extra.value, { nodeName, master, kubeconfig }),
  }
}

/** --node-name is our name of --hostname-override. */
function withNodeName(texts: FlagTexts, problems: Problem[]): FlagTexts {
  const { 'node-name': ours, ...others } = texts
  if (ours === undefined) return texts
  const theirs = others['hostname-override']?.at(-1)
  if (ours.at(-1)?.trim() === '') {
    const message = '--node-name is empty: give the name of this Node object'
    problems.push({ severity: 'error', at: '', path: 'hostnameOverride', message })
  } else if (theirs !== undefined && theirs !== ours.at(-1)) {
    const message = `--node-name is "${ours.at(-1)}" and --hostname-override is "${theirs}": give one of them`
    problems.push({ severity: 'error', at: '', path: 'hostnameOverride', message })
  }
  return { ...others, 'hostname-override': ours }
}

function namelessNode(written: string, resolved: string): Finding {
  const what = written === '' ? `the host's name "${resolved}"` : JSON.stringify(written)
  const message = `hostnameOverride is ${what}: write the name of this Node object, a DNS name in lower case`
  return { severity: 'error', path: 'hostnameOverride', message }
}

function sortDocuments(
  parsed: ConfigDocuments,
  problems: Problem[],
): { readonly upstream?: ConfigDocument; readonly own?: ConfigDocument } {
  problems.push(...parsed.problems)
  if (parsed.problems.length > 0) return {}
  const found: { upstream?: ConfigDocument; own?: ConfigDocument } = {}
  const reject = (at: string, message: string) =>
    problems.push({ severity: 'error', at, path: '', message })
  if (parsed.documents.length === 0) {
    const wanted = `write apiVersion: ${upstream.API_VERSION} and kind: ${upstream.KIND}`
    reject(parsed.name, `the file has no configuration; ${wanted}`)
  }
  for (const document of parsed.documents) {
    const { apiVersion, kind } = document
    const mine = apiVersion === own.API_VERSION && kind === own.KIND
    if (!mine && !(apiVersion === upstream.API_VERSION && kind === upstream.KIND)) {
      const written = `apiVersion ${JSON.stringify(apiVersion) ?? 'missing'}, kind ${JSON.stringify(kind) ?? 'missing'}`
      const wanted = `${upstream.API_VERSION} ${upstream.KIND}, or ${own.API_VERSION} ${own.KIND}`
      reject(document.locate(['kind']), `the document has ${written}: write ${wanted}`)
      continue
    }
    const place = mine ? 'own' : 'upstream'
    const earlier = found[place]
    if (earlier === undefined) found[place] = document
    else {
      const first = earlier.locate(['kind'])
      reject(
        document.locate(['kind']),
        `a second ${kind}; the first is at ${first}, keep one of them`,
      )
    }
  }
  return found
}

function fillFromEnvironment(
  config: upstream.KubeProxyConfiguration,
  { manifests }: own.KproxyConfiguration,
  environment: Environment,
  provenance: Map<string, Provenance>,
): upstream.KubeProxyConfiguration {
  const { nodeName = '', kubeconfig = '' } = environment
  const filled = { ...config }
  if (config.hostnameOverride !== '') {
    filled.hostnameOverride =
      config.hostnameOverride.trim().toLowerCase() || config.hostnameOverride
  } else if (nodeName !== '') {
    filled.hostnameOverride = nodeName.trim().toLowerCase()
    provenance.set('hostnameOverride', { from: 'environment', at: '$NODE_NAME' })
  }
  if (config.clientConnection.kubeconfig === '' && kubeconfig !== '' && manifests === '') {
    filled.clientConnection = { ...config.clientConnection, kubeconfig }
    provenance.set('clientConnection.kubeconfig', { from: 'environment', at: '$KUBECONFIG' })
  }
  return filled
}

/** Two places to take Services from; a flag beats the file, but two of one rank contradict. */
function checkOrigin(
  { clientConnection }: upstream.KubeProxyConfiguration,
  { manifests }: own.KproxyConfiguration,
  provenance: ReadonlyMap<string, Provenance>,
  problems: Problem[],
): void {
  if (manifests === '' || clientConnection.kubeconfig === '') return
  const [directory, cluster] = ['manifests', 'clientConnection.kubeconfig'].map((path) =>
    provenance.get(path),
  )
  const conflict = directory?.from === cluster?.from
  problems.push({
    severity: conflict ? 'error' : 'warning',
    at: directory?.at ?? '',
    path: 'manifests',
    message: `manifests is "${manifests}" and clientConnection.kubeconfig is "${clientConnection.kubeconfig}": ${
      conflict ? 'remove one of them' : 'the manifests are served, not the cluster'
    }`,
  })
}
