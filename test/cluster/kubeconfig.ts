import { writeFileSync } from 'node:fs'

export interface KubeconfigOptions {
  /** URL of the API server, as the reader of the file reaches it. */
  readonly server: string
  /** PEM. */
  readonly certificateAuthority: string
  readonly token: string
}

/** Writes a kubeconfig (JSON is YAML) with one cluster, one user and one context. */
export function writeKubeconfig(path: string, options: KubeconfigOptions): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    users: [{ name: 'test', user: { token: options.token } }],
    clusters: [
      {
        name: 'test',
        cluster: {
          server: options.server,
          'certificate-authority-data': Buffer.from(options.certificateAuthority).toString(
            'base64',
          ),
        },
      },
    ],
  }
  writeFileSync(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 })
  return path
}
