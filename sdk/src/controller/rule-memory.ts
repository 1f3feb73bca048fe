/** The last service rules in a file, for a proxy that starts while the API is away. */
import type { ServicePortRule } from '../contracts/proxy/index.ts';
import { readFileIfThere, writeFileAtomically } from '../files/index.ts';

/** More than any cluster has; what is larger is not remembered. */
const limitBytes = 64 * 1024 * 1024;

function isRule(value: unknown): value is ServicePortRule {
  if (typeof value !== 'object' || value === null) return false;
  const rule = value as Partial<Record<keyof ServicePortRule, unknown>>;
  return (
    typeof rule.id === 'string' &&
    typeof rule.protocol === 'string' &&
    typeof rule.port === 'number' &&
    [rule.clusterIPs, rule.externalIPs, rule.backends].every((list) => Array.isArray(list))
  );
}

/** Reads the rules; undefined without a file. @throws Error when it is damaged. */
export async function readRules(file: string): Promise<readonly ServicePortRule[] | undefined> {
  const text = await readFileIfThere(file);
  if (text === undefined) return undefined;
  const { version, rules } = JSON.parse(text) as { version?: unknown; rules?: unknown };
  if (version !== 1 || !Array.isArray(rules) || !rules.every(isRule)) throw new Error('it holds no service rules');
  // JSON has no undefined: `nodePort` and the like are absent then, which reads the same.
  return rules;
}

/** Replaces the file in one step. False: the rules are too many to be remembered. */
export async function writeRules(file: string, rules: readonly ServicePortRule[]): Promise<boolean> {
  const text = `${JSON.stringify({ version: 1, rules })}\n`;
  if (text.length > limitBytes) return false;
  await writeFileAtomically(file, text, 0o600);
  return true;
}
