import { join } from 'node:path'
import { type Logger, pino } from 'pino'
import { Agent } from '../../agent/agent.ts'
import type { EffectiveConfig } from '../../config/effective.ts'
import { ApiEventSink } from '../../events/api-sink.ts'
import type { EventSink } from '../../events/event.ts'
import { EbpfMode } from '../../mode/ebpf/index.ts'
import { PreflightError } from '../../mode/ebpf/preflight.ts'
import { builtFile } from '../../node/assets.ts'
import { CgroupNotFoundError, resolveCgroup } from '../../node/cgroup.ts'
import { releaseMemory } from '../../node/memory.ts'
import { setOomScore } from '../../node/oom-score.ts'
import { ListenError } from '../../server/http-listener.ts'
import type { Metrics } from '../../server/metrics/metrics.ts'
import { SocketError } from '../../server/server.ts'
import type { Source } from '../../source/source.ts'
import { SourceConfigError } from '../../source/source-error.ts'
import { VERSION } from '../../version.ts'
import { ConfigFollower } from '../config-follower.ts'
import { logProblems, requireConfiguration, type Usable } from '../configuration.ts'
import { CommandError, ExitCode } from '../exit-code.ts'
import { checkNode } from '../node-check.ts'
import { detectLocalOptions, nodePortOptions } from '../node-ports.ts'
import { resolvePinDir } from '../paths.ts'
import type { RunFlags } from '../run-flags.ts'
import { setSysctls } from '../sysctls.ts'
import { createMetrics, createTelemetry, describeSettings } from '../telemetry.ts'

/** `kproxy run`: everything is put together here, and nothing is decided. */
export async function run(flags: RunFlags): Promise<void> {
  if (flags.version) {
    // Only what is needed to run is loaded with this file; all else when it is asked for.
    return (await import('./version.ts')).version({ output: 'table' })
  }
  const usable = await requireConfiguration(flags)
  const { configuration, effective: config } = usable
  const log = pino({ level: config.logLevel, base: null }, pino.destination({ fd: 2, sync: true }))
  logProblems(log, configuration.problems, ['warning'])
  try {
    if (flags.writeConfigTo !== undefined) {
      const { writeConfig } = await import('../write-config.ts')
      writeConfig(flags.writeConfigTo, configuration, log)
    } else if (flags.cleanup) await cleanUp(config)
    else if (flags.initOnly) await initialise(config, log)
    else await start(flags.config, usable, log)
  } catch (error) {
    throw explained(error)
  }
}

/** Where this node's processes and its pinned state are. */
interface Places {
  readonly cgroup: string
  readonly pinDir: string
}

function placesOf({ nodeName, bpffs, ...config }: EffectiveConfig): Places {
  const pinDir = resolvePinDir({ nodeName, bpffs, ...(config.pinDir && { pinDir: config.pinDir }) })
  return { cgroup: resolveCgroup(config.cgroup || undefined), pinDir }
}

async function start(file: string | undefined, usable: Usable, log: Logger): Promise<void> {
  const { effective: config } = usable
  const { nodeName, socket, scheduler, bindAddress, allowExternalIPs } = config
  const places = placesOf(config)
  const metrics = await createMetrics(config, usable.configuration)
  const { source, events } = await createSource(config, log, metrics)
  for (const sentence of setSysctls(config, log)) log.warn({}, sentence)
  const follower = new ConfigFollower(file, usable, log)
  let ending = false
  const end = (exitCode: ExitCode) => {
    if (ending) return
    ending = true
    follower.stop()
    stop(agent, exitCode, log)
  }
  const agent = new Agent({
    ...{ nodeName, ...places, socket, source, log },
    mode: createMode(config, places, log),
    minSyncMs: (config.minSyncPeriodSeconds ?? 0) * 1e3,
    releaseMemory: () => giveBackMemory(log),
    defaults: { scheduler, bindAddress, allowExternalIPs },
    detectLocal: detectLocalOptions(config.detectLocal),
    configuration: () => follower.status(),
    telemetry: createTelemetry(config, { metrics, sink: events, log }),
    settings: describeSettings(usable.configuration),
    end: () => end(ExitCode.failure),
    checkNode: (node) => checkNode(config, node),
  })
  await agent.start()
  log.info({ version: VERSION, nodeName, ...places, socket }, 'started')
  logProblems(log, usable.configuration.problems, ['notice'])
  lowerOomScore(config.oomScoreAdj, log)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      log.info({ signal }, 'stopping; kernel state stays and traffic goes on')
      end(ExitCode.ok)
    })
  }
  await follower.start(() => end(ExitCode.failure))
}

/**
 * `--init-only` (kube-proxy.md 7.3): everything that needs privileges. Programs are loaded, attached and
 * pinned; the agent that follows adopts them.
 */
async function initialise(config: EffectiveConfig, log: Logger): Promise<void> {
  const failures = setSysctls(config, log)
  if (failures.length > 0) throw new CommandError(ExitCode.failure, failures.join('\n'))
  const mode = createMode(config, placesOf(config), log)
  await mode.start()
  await mode.stop()
  log.info({}, 'initialised; start kproxy without --init-only now')
}

function createMode(config: EffectiveConfig, places: Places, log: Logger): EbpfMode {
  const { nodeName, maxServices, maxEndpoints } = config
  const { cgroup: cgroupPath, pinDir } = places
  const objectPath = builtFile(join('bpf', 'socket.bpf.o'))
  const lifetimePath = builtFile(join('bpf', 'lifetime.bpf.o'))
  return new EbpfMode({
    ...{ objectPath, lifetimePath, cgroupPath, pinDir, nodeName, maxServices, maxEndpoints, log },
    nodePorts: nodePortOptions(config),
    edge: {
      objectPath: builtFile(join('bpf', 'edge.bpf.o')),
      uplinks: config.uplinks,
      maxFlows: config.maxFlows,
      tcpEstablishedSeconds: config.conntrack.tcpEstablishedTimeoutSeconds,
      tcpHalfClosedSeconds: config.conntrack.tcpCloseWaitTimeoutSeconds,
      udpSeconds: config.conntrack.udpTimeoutSeconds,
      udpStreamSeconds: config.conntrack.udpStreamTimeoutSeconds,
    },
  })
}

/** Locked memory is meant to stay: no reason to end. */
function giveBackMemory(log: Logger): void {
  try {
    releaseMemory()
  } catch (error) {
    log.info({ err: error }, 'memory cannot be given back after the start')
  }
}

/** As in kube-proxy, a score that may not be set is no reason not to run. */
function lowerOomScore(score: number, log: Logger): void {
  try {
    setOomScore(score)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    log.info(
      { oomScoreAdj: score, reason },
      'oom_score_adj cannot be set; grant CAP_SYS_RESOURCE or set oomScoreAdj to 0',
    )
  }
}

/** The API client is heavy, and a directory does not need it: each is loaded only when used. */
async function createSource(
  { nodeName, origin }: EffectiveConfig,
  log: Logger,
  metrics: Metrics | undefined,
): Promise<{ source: Source; events: EventSink | undefined }> {
  if (origin.kind === 'manifests') {
    const { createDirectorySource } = await import('../../source/directory/index.ts')
    const source = createDirectorySource({ directory: origin.directory, nodeName, log })
    return { source, events: undefined }
  }
  const { kubeconfig, context, master } = origin
  if (kubeconfig === '' && master === '' && process.env.KUBERNETES_SERVICE_HOST === undefined) {
    throw new CommandError(
      ExitCode.usage,
      'nothing says where Services come from: give --manifests DIR or --kubeconfig FILE, or --config FILE ' +
        'that has clientConnection.kubeconfig, or run in a pod with a service account',
    )
  }
  const { connectKubernetes } = await import('../../source/kubernetes/index.ts')
  const { source, connect } = await connectKubernetes({
    ...(kubeconfig && { kubeconfig }),
    ...(context && { context }),
    ...(master && { master }),
    nodeName,
    log,
    observe: (request) => metrics?.requested(request),
  })
  return { source, events: new ApiEventSink(connect()) }
}

function stop(agent: Agent, exitCode: ExitCode, log: Logger): void {
  agent.stop().then(
    () => process.exit(exitCode),
    (error) => {
      log.error({ err: error }, 'could not stop cleanly')
      process.exit(ExitCode.failure)
    },
  )
}

/** `--cleanup` (CF-30) */
async function cleanUp(config: EffectiveConfig): Promise<void> {
  const { cleanup } = await import('./cleanup.ts')
  const { cgroup, pinDir } = placesOf(config)
  cleanup({ cgroup, pinDir, bpffs: config.bpffs, output: 'table' })
}

/** Errors that a person can act on end the command with one message; others keep their stack. */
function explained(error: unknown): unknown {
  if (error instanceof SourceConfigError || error instanceof CgroupNotFoundError) {
    return new CommandError(ExitCode.usage, error.message, { cause: error })
  }
  const isKnown =
    error instanceof PreflightError || error instanceof SocketError || error instanceof ListenError
  if (isKnown) {
    return new CommandError(ExitCode.failure, error.message, { cause: error })
  }
  return error
}
