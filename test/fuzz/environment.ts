/** A setting of the fuzzer. @throws for anything but a whole number from 0 */
export function wholeNumber(name: 'FUZZ_SEED' | 'FUZZ_INPUTS'): number | undefined {
  const text = process.env[name] ?? ''
  if (text === '') return undefined
  if (/^\d{1,10}$/.test(text)) return Number(text)
  throw new Error(`${name} is "${text}": give a whole number of at most ten digits`)
}
