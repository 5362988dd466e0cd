/**
 * The users of a kubeconfig that name a `tokenFile`, with its path as written.
 *
 * KubeConfig drops that field, so the text is read once more; the YAML library is loaded only for it.
 */
export async function findTokenFiles(
  text: string,
): Promise<readonly (readonly [string, string])[]> {
  if (!text.includes('tokenFile')) return []
  const { parse } = await import('yaml')
  const { users } = parse(text) as { readonly users?: unknown }
  return (Array.isArray(users) ? users : []).flatMap((entry) => {
    const { name, user } = entry as { name?: unknown; user?: { tokenFile?: unknown } | null }
    const tokenFile = user?.tokenFile
    return typeof name === 'string' && typeof tokenFile === 'string' ? [[name, tokenFile]] : []
  })
}
