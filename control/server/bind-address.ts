/** Where a server listens. */
export interface BindAddress {
  /** An IP address; `0.0.0.0` and `::` are all of a family. */
  readonly host: string
  /** 0: any free port. */
  readonly port: number
}

/** "address:port", with brackets around IPv6. */
export function formatBindAddress({ host, port }: BindAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
