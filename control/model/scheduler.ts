import { SCHEDULER_ANNOTATION } from '../source/kept-metadata.ts'
import type { Service } from '../source/objects.ts'

/**
 * How a new connection chooses among endpoints, by the names that IPVS has for it; `random` is what
 * kube-proxy does everywhere else (TR-3).
 */
export const SCHEDULERS = [
  'random',
  'rr',
  'wrr',
  'lc',
  'wlc',
  'sed',
  'nq',
  'sh',
  'dh',
  'mh',
] as const

export type Scheduler = (typeof SCHEDULERS)[number]

export function isScheduler(text: string): text is Scheduler {
  return (SCHEDULERS as readonly string[]).includes(text)
}

/** What the Service's annotation asks for; the cluster's default where it says nothing or nonsense. */
export function schedulerOf(
  service: Service,
  fallback: Scheduler,
  wrong: (message: string) => void,
): Scheduler {
  const text = service.metadata.annotations[SCHEDULER_ANNOTATION]
  if (text === undefined || text === '') return fallback
  if (isScheduler(text)) return text
  wrong(
    `annotation ${SCHEDULER_ANNOTATION} is "${text}"; write one of ${SCHEDULERS.join(', ')}; ` +
      `${fallback} is used meanwhile`,
  )
  return fallback
}
