import { parseDocuments } from '../../../control/config/documents.ts'
import type { FlagTexts } from '../../../control/config/flag-values.ts'
import type { Problem } from '../../../control/config/problem.ts'
import {
  type Configuration,
  type Environment,
  resolveConfiguration,
} from '../../../control/config/resolve.ts'

export const HEAD = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
`
export const OWN_HEAD = `apiVersion: kproxy.dev/v1alpha1
kind: KproxyConfiguration
`

const host: Environment = { hostname: 'Host' }

/** The configuration of a file `f`, with flags beside it. */
export function fromFile(
  text: string,
  flags: FlagTexts = {},
  environment: Partial<Environment> = {},
): Configuration {
  const file = parseDocuments('f', text)
  return resolveConfiguration({ file, flags, environment: { ...host, ...environment } })
}

/** The configuration of the fields of one KubeProxyConfiguration. */
export function fromFields(fields: string, flags: FlagTexts = {}): Configuration {
  return fromFile(`${HEAD}${fields}\n`, flags)
}

/** The configuration of flags alone. */
export function fromFlags(flags: FlagTexts, environment: Partial<Environment> = {}): Configuration {
  return resolveConfiguration({ flags, environment: { ...host, ...environment } })
}

/** `error f:3:1: sentence`, notices left out. */
export function complaints({ problems }: Configuration): string[] {
  return problems.filter(({ severity }) => severity !== 'notice').map(formatted)
}

export function notices({ problems }: Configuration): string[] {
  return problems.filter(({ severity }) => severity === 'notice').map(({ message }) => message)
}

function formatted({ severity, at, message }: Problem): string {
  return `${severity} ${at === '' ? '' : `${at}: `}${message}`
}

/** What is in force; the test fails where nothing is. */
export function inForce(configuration: Configuration) {
  if (configuration.effective === undefined) throw new Error(complaints(configuration).join('\n'))
  return configuration.effective
}
