import type { NodeEvent } from '../events/event.ts'
import type { EventRecorder } from '../events/recorder.ts'
import type { Refusal } from '../mode/mode.ts'
import type { HealthCheckService } from '../model/health-check.ts'

type NodeReason = 'Starting' | 'FailedToStartProxierHealthcheck' | 'FailedToStartMetricServer'

/** Says what happens to this Node and its Services in Events, in kube-proxy's words where it has some (9.3). */
export class Reporter {
  readonly #nodeName: string
  readonly #recorder: EventRecorder
  readonly #uidOf: (namespace: string, name: string) => string

  /** @param uidOf the UID of a Service, or empty */
  constructor(
    nodeName: string,
    recorder: EventRecorder,
    uidOf: (namespace: string, name: string) => string,
  ) {
    this.#nodeName = nodeName
    this.#recorder = recorder
    this.#uidOf = uidOf
  }

  started(): void {
    this.#aboutNode('Normal', 'Starting', '')
  }

  /** A server must listen and cannot; the agent ends. */
  failedToListen(server: 'health' | 'metrics', message: string): void {
    const reason =
      server === 'health' ? 'FailedToStartProxierHealthcheck' : 'FailedToStartMetricServer'
    this.#aboutNode('Warning', reason, message)
  }

  /** HL-14. */
  healthCheckFailed({ namespace, name }: HealthCheckService, message: string): void {
    this.#aboutService(namespace, name, 'FailedToStartServiceHealthcheck', 'Listen', message)
  }

  /** A service port cannot be served on this node. */
  refused({ key, message }: Refusal): void {
    const [namespace = '', rest = ''] = key.split('/')
    const [name = ''] = rest.split(':')
    this.#aboutService(namespace, name, 'FailedToProgram', 'Program', message)
  }

  #aboutNode(type: NodeEvent['type'], reason: NodeReason, note: string): void {
    const name = this.#nodeName
    const subject = { kind: 'Node', namespace: '', name, uid: name } as const
    this.#recorder.record({ subject, type, reason, action: 'StartKubeProxy', note })
  }

  #aboutService(
    namespace: string,
    name: string,
    reason: string,
    action: string,
    message: string,
  ): void {
    const uid = this.#uidOf(namespace, name)
    const subject = { kind: 'Service', namespace, name, uid } as const
    const note = `node ${this.#nodeName}: ${message}`
    this.#recorder.record({ subject, type: 'Warning', reason, action, note })
  }
}
