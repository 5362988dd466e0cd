import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ExitCode } from '../../control/cli/exit-code.ts'
import type { Kproxy } from '../lab/index.ts'
import { Cluster } from './cluster.ts'
import { writeKubeconfig } from './kubeconfig.ts'
import { waitFor } from './wait.ts'

describe('kproxy run --kubeconfig', () => {
  let cluster: Cluster

  beforeAll(async () => {
    cluster = await Cluster.create()
  })
  afterAll(() => cluster.destroy())

  const file = (name: string) => join(cluster.plane.directory, name)

  /** Runs an agent that must not survive; what it said and how it ended. */
  async function refused(kubeconfig: string): Promise<{ code: number | null; stderr: string }> {
    return cluster.agent(cluster.node('n1'), kubeconfig).wait()
  }

  test('ends with a message naming a file that is missing', async () => {
    const { code, stderr } = await refused('/nonexistent/kubeconfig')
    expect(code).toBe(ExitCode.usage)
    expect(stderr).toContain('/nonexistent/kubeconfig')
    expect(stderr).not.toContain('    at ')
  })

  test('ends with a message naming a file that is no YAML', async () => {
    const path = file('broken.kubeconfig')
    writeFileSync(path, 'clusters: [\n')
    const { code, stderr } = await refused(path)
    expect(code).toBe(ExitCode.usage)
    expect(stderr).toContain(path)
    expect(stderr).not.toContain('    at ')
  })

  test('ends with a message naming the context that has no cluster', async () => {
    const path = file('no-cluster.kubeconfig')
    writeFileSync(
      path,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'lost',
        contexts: [{ name: 'lost', context: { cluster: 'nowhere', user: 'nobody' } }],
      }),
    )
    const { code, stderr } = await refused(path)
    expect(code).toBe(ExitCode.usage)
    expect(stderr).toContain('lost')
    expect(stderr).not.toContain('    at ')
  })

  /** Waits for an agent that stays, but cannot read; returns what it says of each stream. */
  async function troubled(agent: Kproxy): Promise<string[]> {
    return waitFor('every stream says what is wrong', async () => {
      const { source, health } = await agent.status()
      const errors = source.streams.map(({ lastError }) => lastError)
      return (
        health === 'unhealthy' &&
        errors.every((error) => error !== undefined) &&
        (errors as string[])
      )
    })
  }

  test('with a token that the server does not know stays, and says so in status', async () => {
    const path = writeKubeconfig(file('stranger.kubeconfig'), {
      server: cluster.plane.server,
      certificateAuthority: cluster.plane.certificateAuthority,
      token: 'stranger',
    })
    const agent = cluster.agent(cluster.node('n1'), path)
    for (const error of await troubled(agent)) expect(error).toMatch(/401|Unauthorized/)
    await agent.kill('SIGTERM')
  })

  test('with another certificate authority stays, and says so in status', async () => {
    const path = writeKubeconfig(file('other-ca.kubeconfig'), {
      server: cluster.plane.server,
      certificateAuthority: otherAuthority(),
      token: 'any',
    })
    const agent = cluster.agent(cluster.node('n1'), path)
    for (const error of await troubled(agent)) expect(error).toMatch(/certificate/i)
    await agent.kill('SIGTERM')
  })
})

/** A certificate that signed nothing of ours, PEM. */
function otherAuthority(): string {
  return execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-subj', '/CN=another authority', '-days', '1', '-keyout', '/dev/null'],
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  )
}
