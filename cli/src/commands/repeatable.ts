import { Option } from 'commander';

/** An option that may be given several times. */
export function repeatable(flags: string, description: string): Option {
  const collect = (value: string, former: string[]): string[] => [...former, value];
  return new Option(flags, description).argParser(collect).default([]);
}
