import gates from './feature-gates.json' with { type: 'json' }
import { type Finding, invalid, remark } from './problem.ts'

/** Gates that change what kproxy does, with their defaults (kube-proxy.md 7.5) and stages in 1.36. */
const MEANT: Readonly<Record<string, { readonly on: boolean; readonly stage: string }>> = {
  AllowServiceExternalIPs: { on: true, stage: '' },
  ComponentFlagz: { on: true, stage: 'BETA' },
  ComponentStatusz: { on: true, stage: 'BETA' },
  LoggingAlphaOptions: { on: false, stage: 'ALPHA' },
  LoggingBetaOptions: { on: true, stage: 'BETA' },
}

const known = new Set([...gates.free, ...Object.keys(gates.locked), ...Object.keys(MEANT)])
const locked: Readonly<Record<string, boolean>> = gates.locked

/** Gates that turn on or off all others of a stage which are not set themselves. */
const WHOLE_STAGES: Readonly<Record<string, string>> = { ALPHA: 'AllAlpha', BETA: 'AllBeta' }

/** Whether a gate that kproxy heeds is on. */
export function isEnabled(set: Readonly<Record<string, boolean>>, name: string): boolean {
  const gate = MEANT[name]
  return set[name] ?? set[WHOLE_STAGES[gate?.stage ?? ''] ?? ''] ?? gate?.on ?? false
}

/** The gates that kproxy heeds, with their stages; empty: generally available. */
export function heededGates(
  set: Readonly<Record<string, boolean>>,
): readonly { readonly name: string; readonly stage: string; readonly enabled: boolean }[] {
  return Object.entries(MEANT).map(([name, { stage }]) => {
    return { name, stage, enabled: isEnabled(set, name) }
  })
}

/** CF-4: gates that Kubernetes 1.36 does not know, or does not let anybody change, are refused. */
export function checkGates(set: Readonly<Record<string, boolean>>): Finding[] {
  return Object.entries(set).flatMap(([name, value]) => {
    const path = `featureGates.${name}`
    if (!known.has(name)) {
      return [invalid(path, value, 'Kubernetes has no such feature gate; correct or remove it')]
    }
    if (locked[name] !== undefined && locked[name] !== value) {
      return [invalid(path, value, `this gate is locked to ${locked[name]}; remove it`)]
    }
    const isHeeded = Object.hasOwn(MEANT, name) || Object.values(WHOLE_STAGES).includes(name)
    return isHeeded ? [] : [remark('notice', path, 'has no effect on kproxy')]
  })
}
