import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { connectKubernetes } from '../../../control/source/kubernetes/index.ts'
import { Connection } from '../../../control/source/kubernetes/kubeconfig.ts'
import { SourceConfigError } from '../../../control/source/source-error.ts'
import { temporaryDirectory, writeKubeconfig } from './kubernetes-stage.ts'
import type { Plain } from './protobuf-codec.ts'
import { quietLog } from './recorder.ts'

afterEach(() => {
  vi.unstubAllEnvs()
})

const open = (kubeconfig?: string, context?: string) =>
  connectKubernetes({
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(context !== undefined && { context }),
    nodeName: 'n1',
    log: quietLog,
  })

/** A kubeconfig with parts of it replaced. */
function write(parts: Plain): string {
  const path = join(temporaryDirectory(), 'config')
  const config = {
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:6443' } }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
    ...parts,
  }
  writeFileSync(path, JSON.stringify(config))
  return path
}

describe('a kubeconfig that cannot be used is refused with the file, the problem and what to do', () => {
  const cases: readonly (readonly [string, () => string, RegExp])[] = [
    ['no such file', () => '/nonexistent/config', /\/nonexistent\/config.*ENOENT.*give the path/],
    [
      'not YAML',
      () => {
        const path = join(temporaryDirectory(), 'config')
        writeFileSync(path, 'clusters: [')
        return path
      },
      /config cannot be read: .*correct it/,
    ],
    [
      'empty',
      () => {
        const path = join(temporaryDirectory(), 'config')
        writeFileSync(path, '')
        return path
      },
      /config cannot be read: .*correct it/,
    ],
    ['no context chosen', () => write({ 'current-context': '' }), /choose one of x with --context/],
    [
      'no cluster of that name',
      () => write({ clusters: [] }),
      /context x of .* names the cluster c, which is not in the file/,
    ],
    [
      'no user of that name',
      () => write({ users: [] }),
      /context x of .* names the user u, which is not in the file/,
    ],
    [
      'a server that is no URL',
      () => write({ clusters: [{ name: 'c', cluster: { server: 'kubernetes' } }] }),
      /has the server kubernetes; write an http or https URL/,
    ],
    [
      'a CA that is not there',
      () =>
        write({
          clusters: [
            {
              name: 'c',
              cluster: { server: 'https://h', 'certificate-authority': 'missing.crt' },
            },
          ],
        }),
      /needs .*missing\.crt, which cannot be read: ENOENT.*correct the path/,
    ],
    [
      'a token file that is not there',
      () => write({ users: [{ name: 'u', user: { tokenFile: 'missing' } }] }),
      /needs .*missing, which cannot be read: ENOENT.*correct the path/,
    ],
  ]

  it.each(cases)('%s', async (_, make, message) => {
    const opening = open(make())
    await expect(opening).rejects.toThrow(SourceConfigError)
    await expect(opening).rejects.toThrow(message)
  })

  it('no context of the name given', async () => {
    const path = write({})
    await expect(open(path, 'other')).rejects.toThrow(
      `the kubeconfig ${path} has no context other; it has x`,
    )
  })

  it('no kubeconfig, and not in a pod', async () => {
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '')
    await expect(open()).rejects.toThrow(SourceConfigError)
    await expect(open()).rejects.toThrow(/KUBERNETES_SERVICE_HOST is not set.*--kubeconfig/)
  })

  it('in a pod without a service account', async () => {
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '10.96.0.1')
    vi.stubEnv('KUBERNETES_SERVICE_PORT', '443')
    await expect(open()).rejects.toThrow(/service account of this pod needs .*; mount it/)
  })
})

describe('a connection', () => {
  it('has the server and the credentials of the context', async () => {
    const connection = await Connection.open({
      kubeconfig: write({
        clusters: [
          { name: 'c', cluster: { server: 'https://one:6443' } },
          {
            name: 'd',
            cluster: {
              server: 'https://two:6443/base/',
              'insecure-skip-tls-verify': true,
              'tls-server-name': 'kubernetes',
            },
          },
        ],
        users: [
          { name: 'u', user: {} },
          { name: 'v', user: { token: 'secret' } },
        ],
        contexts: [
          { name: 'x', context: { cluster: 'c', user: 'u' } },
          { name: 'y', context: { cluster: 'd', user: 'v' } },
        ],
      }),
      context: 'y',
    })
    expect(connection.origin).toBe('https://two:6443/base')
    expect(await connection.requestOptions()).toMatchObject({
      headers: { Authorization: 'Bearer secret' },
      rejectUnauthorized: false,
      servername: 'kubernetes',
    })
  })

  it('goes to the server of --master with the credentials of the kubeconfig', async () => {
    const kubeconfig = write({ users: [{ name: 'u', user: { token: 'secret' } }] })
    const connection = await Connection.open({ kubeconfig, master: 'http://10.0.0.9:8080/' })
    expect(connection.origin).toBe('http://10.0.0.9:8080')
    const { headers } = await connection.requestOptions()
    expect(headers).toMatchObject({ Authorization: 'Bearer secret' })
  })

  it('goes to the server of --master without a kubeconfig', async () => {
    const connection = await Connection.open({ master: 'http://10.0.0.9:8080' })
    expect(connection.origin).toBe('http://10.0.0.9:8080')
    expect((await connection.requestOptions()).headers?.toString()).not.toContain('Bearer')
  })

  it('refuses a --master that is no URL', async () => {
    await expect(Connection.open({ master: '10.0.0.9' })).rejects.toThrow(
      '--master is "10.0.0.9"; write an http or https URL',
    )
  })

  it('gets its token from a plugin, and once more when the server refuses it', async () => {
    const directory = temporaryDirectory()
    const plugin = join(directory, 'plugin')
    const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential' }
    const answer = (token: string) => {
      const text = JSON.stringify({ ...credential, status: { token } })
      writeFileSync(plugin, `#!/bin/sh\necho '${text}'\n`)
      chmodSync(plugin, 0o755)
    }
    answer('first')
    const exec = { apiVersion: credential.apiVersion, command: plugin }
    const connection = await Connection.open({ kubeconfig: writeKubeconfig('https://h', { exec }) })
    const token = async () => (await connection.requestOptions()).headers
    expect(await token()).toMatchObject({ Authorization: 'Bearer first' })
    answer('second')
    expect(await token()).toMatchObject({ Authorization: 'Bearer first' })
    await connection.renew()
    expect(await token()).toMatchObject({ Authorization: 'Bearer second' })
  })

  it('keeps what it knows while the file cannot be read', async () => {
    const kubeconfig = write({})
    const connection = await Connection.open({ kubeconfig })
    writeFileSync(kubeconfig, '')
    await connection.renew()
    expect(connection.origin).toBe('https://127.0.0.1:6443')
  })

  it('finds files beside the kubeconfig', async () => {
    const kubeconfig = write({ users: [{ name: 'u', user: { tokenFile: 'secrets/token' } }] })
    mkdirSync(join(kubeconfig, '..', 'secrets'))
    writeFileSync(join(kubeconfig, '..', 'secrets', 'token'), 'from a file')
    const connection = await Connection.open({ kubeconfig })
    expect((await connection.requestOptions()).headers).toMatchObject({
      Authorization: 'Bearer from a file',
    })
  })
})
