import type { ServiceDetail, ServiceSummary } from '../../server/api.ts'
import { ask } from '../client.ts'
import { CommandError, ExitCode } from '../exit-code.ts'
import { type Output, printDocument, printLines } from '../output.ts'
import { formatTable } from '../table.ts'

interface SvcOptions {
  readonly socket: string
  readonly output: Output
  readonly headers: boolean
  readonly namespace?: string
}

/** `kproxy svc [NAME]` */
export async function svc(name: string | undefined, options: SvcOptions): Promise<void> {
  if (name !== undefined) return showOne(name, options)
  const list = await ask<{ items: readonly ServiceSummary[] }>(options.socket, '/services')
  const items = (list?.items ?? []).filter(
    (item) => options.namespace === undefined || item.namespace === options.namespace,
  )
  if (printDocument(options.output, 'ServiceList', { items })) return
  if (options.output === 'name') {
    for (const item of items) printLines(`service/${item.namespace}/${item.name}`)
    return
  }
  if (items.length === 0) {
    const where = options.namespace === undefined ? '' : ` in namespace ${options.namespace}`
    process.stderr.write(`No Services found${where}.\n`)
    return
  }
  const wide = options.output === 'wide'
  const headers = [
    'NAMESPACE',
    'NAME',
    'TYPE',
    'CLUSTER-IP',
    'EXTERNAL-IP',
    'PORT(S)',
    'ENDPOINTS',
    'CONNECTIONS',
    'DATAGRAMS',
  ]
  if (wide) headers.push('REFUSED', 'DROPPED')
  const rows = items.map((item) => [
    item.namespace,
    item.name,
    item.type,
    item.clusterIPs.join(','),
    item.externalIPs.join(',') || '<none>',
    formatPorts(item),
    `${item.readyEndpoints}/${item.totalEndpoints}`,
    item.connections,
    item.datagrams,
    ...(wide ? [item.refused, item.dropped] : []),
  ])
  printLines(formatTable(options.headers ? headers : undefined, rows))
}

async function showOne(name: string, options: SvcOptions): Promise<void> {
  const [first = '', second, ...more] = name.split('/')
  if (more.length > 0 || first === '' || second === '') {
    throw new CommandError(
      ExitCode.usage,
      `not a Service name: "${name}"; write NAME or NAMESPACE/NAME`,
    )
  }
  if (second !== undefined && options.namespace !== undefined && options.namespace !== first) {
    throw new CommandError(
      ExitCode.usage,
      `-n ${options.namespace} and "${name}" name two namespaces; give one of them`,
    )
  }
  const [namespace, service] =
    second === undefined ? [options.namespace ?? 'default', first] : [first, second]
  const path = `/services/${encodeURIComponent(namespace)}/${encodeURIComponent(service)}`
  const detail = await ask<ServiceDetail>(options.socket, path)
  if (detail === undefined) {
    throw new CommandError(
      ExitCode.failure,
      `Service "${service}" not found in namespace "${namespace}"; "kproxy svc" lists all`,
    )
  }
  if (printDocument(options.output, 'Service', detail)) return
  if (options.output === 'name') return printLines(`service/${namespace}/${service}`)
  printLines(
    formatTable(undefined, [
      ['Name:', `${detail.namespace}/${detail.name}`],
      ['Type:', detail.type],
      ['ClusterIPs:', detail.clusterIPs.join(', ')],
      ...externalRows(detail),
      ['Ports:', formatPorts(detail)],
      ['Scheduler:', detail.scheduler],
      ['Affinity:', detail.affinitySeconds === 0 ? 'none' : `ClientIP, ${detail.affinitySeconds}s`],
      ['Connections:', detail.connections],
      ['Datagrams:', detail.datagrams],
      ['Refused:', detail.refused],
      ['Dropped:', detail.dropped],
    ]),
    '',
  )
  if (detail.endpoints.length === 0) return printLines('No endpoints: connections are refused.')
  const wide = options.output === 'wide'
  const headers = ['PORT', 'ADDRESS', 'STATE', 'LOCAL', 'TARGET', 'CONNECTIONS', 'ACTIVE']
  if (wide) headers.push('DATAGRAMS', 'ZONE')
  const rows = detail.endpoints.map((endpoint) => [
    endpoint.port,
    endpoint.address.includes(':')
      ? `[${endpoint.address}]:${endpoint.targetPort}`
      : `${endpoint.address}:${endpoint.targetPort}`,
    endpoint.state,
    endpoint.local ? 'yes' : 'no',
    endpoint.target,
    endpoint.connections,
    endpoint.active,
    ...(wide ? [endpoint.datagrams, endpoint.zone] : []),
  ])
  printLines(formatTable(options.headers ? headers : undefined, rows))
}

function formatPorts(item: ServiceSummary): string {
  return item.ports
    .map(({ port, nodePort, protocol }) => `${port}${nodePort ? `:${nodePort}` : ''}/${protocol}`)
    .join(',')
}

/** What only Services have that are reached from outside. */
function externalRows(detail: ServiceDetail): [string, string][] {
  const isExposed = detail.externalIPs.length > 0 || detail.ports.some((port) => port.nodePort > 0)
  const rows: [string, string][] = [['Internal policy:', detail.internalTrafficPolicy]]
  if (!isExposed) return rows
  rows.push(
    ['External IPs:', detail.externalIPs.join(', ') || '<none>'],
    ['External policy:', detail.externalTrafficPolicy],
  )
  if (detail.sourceRanges.length > 0) rows.push(['Source ranges:', detail.sourceRanges.join(', ')])
  return rows
}
