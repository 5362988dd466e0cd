/**
 * The labels and annotations that kproxy reads. Decoders drop all others, which at scale are most of
 * an object's bytes; a rule that reads another key adds it here.
 */
export const PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name'
export const HEADLESS_LABEL = 'service.kubernetes.io/headless'
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'
export const ZONE_LABEL = 'topology.kubernetes.io/zone'
export const TRIGGER_TIME_ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time'

/** Our own annotations, whatever follows the slash. */
const OWN_PREFIX = 'kproxy.dev/'
/** How new connections of a Service choose among its endpoints. */
export const SCHEDULER_ANNOTATION = `${OWN_PREFIX}scheduler`

const keptLabels = new Set([PROXY_NAME_LABEL, HEADLESS_LABEL, SERVICE_NAME_LABEL, ZONE_LABEL])

/** Whether a label of this key survives decoding (IN-1, IN-2, IN-20, IN-52). */
export function keepsLabel(key: string): boolean {
  return keptLabels.has(key)
}

/** Whether an annotation of this key survives decoding (IN-33). */
export function keepsAnnotation(key: string): boolean {
  return key === TRIGGER_TIME_ANNOTATION || key.startsWith(OWN_PREFIX)
}
