import { Option } from 'commander'

export type Output = 'table' | 'wide' | 'json' | 'yaml' | 'name'

export function outputOption(choices: readonly Output[]): Option {
  return new Option('-o, --output <format>', 'how to print it').choices(choices).default('table')
}
