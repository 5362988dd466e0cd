import type * as v from 'valibot'
import * as field from './fields.ts'
import { DEFAULT_BPFFS, DEFAULT_SOCKET } from './standard.ts'

export const API_VERSION = 'kproxy.dev/v1alpha1'
export const KIND = 'KproxyConfiguration'

export const LOG_LEVELS = ['', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const

/** kproxy's own settings: what kube-proxy has no field for. A document of its own in the same file. */
export const kproxySchema = field.section({
  /** Serve the Services of a directory of manifests, instead of a cluster's. */
  manifests: field.text(),
  /** Context of the kubeconfig; empty: its current one. */
  context: field.text(),
  /** Root of this node's cgroup v2 tree; empty: the mount. */
  cgroup: field.text(),
  /** Mount point of the BPF file system. */
  bpffs: field.text(DEFAULT_BPFFS),
  /** Where this node's state is pinned; empty: BPFFS/kproxy/NODE. */
  pinDir: field.text(),
  /** Unix socket of the status API. */
  socket: field.text(DEFAULT_SOCKET),
  /** Frontends (address, port, protocol) that the maps hold. */
  maxServices: field.count(65_536),
  /** Service endpoints that the maps hold. */
  maxEndpoints: field.count(262_144),
  /** Interfaces at which traffic from outside is served: names and globs, or `auto`; empty: nowhere. */
  uplinks: field.texts(),
  /** Flows from outside that may go on at once. */
  maxFlows: field.count(65_536),
  /** Export counters of every service port: many series where there are many Services. */
  serviceMetrics: field.flag(),
  /** Least severe level to log; empty: as `logging.verbosity` says. */
  logLevel: field.choice(LOG_LEVELS, ''),
})

export type KproxyConfiguration = v.InferOutput<typeof kproxySchema>
