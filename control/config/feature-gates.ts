import gates from './feature-gates.json' with { type: 'json' }
import { type Finding, invalid, remark } from './problem.ts'

/** Gates that change what kproxy does, with their defaults (kube-proxy.md 7.5). */
const MEANT: Readonly<Record<string, boolean>> = {
  AllowServiceExternalIPs: true,
  ComponentFlagz: true,
  ComponentStatusz: true,
  LoggingAlphaOptions: false,
  LoggingBetaOptions: true,
}

const known = new Set([...gates.free, ...Object.keys(gates.locked), ...Object.keys(MEANT)])
const locked: Readonly<Record<string, boolean>> = gates.locked

/** Whether a gate that kproxy heeds is on. */
export function isEnabled(set: Readonly<Record<string, boolean>>, name: string): boolean {
  return set[name] ?? MEANT[name] ?? false
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
    return Object.hasOwn(MEANT, name) ? [] : [remark('notice', path, 'has no effect on kproxy')]
  })
}
