/** Longest DNS-1123 subdomain. */
const LONGEST = 253

/** Whether a text can be the name of a Node: a DNS subdomain, as the API server asks for. */
export function isNodeName(text: string): boolean {
  return (
    text.length <= LONGEST &&
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text)
  )
}
