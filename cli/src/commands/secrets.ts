/** `timonel secrets`: how Secrets lie in the store, and new keys for them. */
import type { Command } from 'commander';
import { callCluster } from '../cluster/remote.ts';
import { CliError } from '../errors.ts';
import { formatTable } from '../output/table.ts';
import { accessOf, print, withAccess, type AccessFlags } from './access.ts';

const base = '/apis/encryption.timonel.dev/v1';
const lookEveryMs = 500;

interface EncryptionStatus {
  readonly provider: string;
  readonly resources: readonly string[];
  readonly keys: readonly {
    readonly id: string;
    readonly created: string;
    readonly primary: boolean;
    readonly values: number;
  }[];
  /** Values that no key seals. */
  readonly unsealed: number;
}

async function call(flags: AccessFlags, method: 'GET' | 'POST', path: string): Promise<EncryptionStatus> {
  try {
    return await callCluster<EncryptionStatus>(
      accessOf(flags),
      method,
      `${base}${path}`,
      method === 'POST' ? {} : undefined,
    );
  } catch (error) {
    const status = (error as { cause?: { code?: unknown } }).cause;
    if (status?.code !== 404) throw error;
    throw new CliError(
      'This cluster keeps Secrets as they are: enable the plugin by `timonel plugin enable encryption-aesgcm` there.',
      undefined,
      { cause: error },
    );
  }
}

function total({ keys, unsealed }: EncryptionStatus): number {
  return keys.reduce((sum, { values }) => sum + values, unsealed);
}

/** What is not under the newest key yet. */
function left(status: EncryptionStatus): number {
  const primary = status.keys.find((key) => key.primary);
  return total(status) - (primary?.values ?? 0);
}

function statusText(status: EncryptionStatus): string {
  const { provider, resources, keys, unsealed } = status;
  const table = formatTable(
    ['KEY', 'CREATED', 'STATE', 'VALUES'],
    keys.map(({ id, created, primary, values }) => [
      id,
      created,
      primary ? 'seals' : values > 0 ? 'being replaced' : 'kept for the history',
      String(values),
    ]),
  );
  const open = unsealed === 0 ? '' : `\n\n${unsealed} are not encrypted yet: this is being done.`;
  return `${resources.join(', ')}: encrypted by ${provider}\n\n${table}${open}`;
}

async function waitUntilSealed(flags: AccessFlags, first: EncryptionStatus): Promise<EncryptionStatus> {
  let status = first;
  let shown = -1;
  while (left(status) > 0) {
    if (left(status) !== shown && process.stderr.isTTY) {
      process.stderr.write(`${total(status) - left(status)} of ${total(status)} under the new key\n`);
    }
    shown = left(status);
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    status = await call(flags, 'GET', '/status');
  }
  return status;
}

async function rotate(flags: AccessFlags & { readonly wait: boolean }): Promise<void> {
  const first = await call(flags, 'POST', '/rotate');
  const status = flags.wait ? await waitUntilSealed(flags, first) : first;
  print(flags, status, () => statusText(status));
}

export function addSecrets(program: Command): void {
  const secrets = program.command('secrets').description('How Secrets are encrypted in the store');
  withAccess(secrets.command('status').description('The encryption keys, and how much each of them seals'))
    .addHelpText('after', '\nExamples:\n  timonel secrets status\n  timonel secrets status -o json')
    .action(async (flags: AccessFlags) => {
      const status = await call(flags, 'GET', '/status');
      print(flags, status, () => statusText(status));
    });
  withAccess(
    secrets
      .command('rotate')
      .description('Make a new encryption key, and encrypt everything by it')
      .option('--no-wait', 'do not wait until everything is under the new key'),
  )
    .addHelpText(
      'after',
      '\nThe cluster serves all the time. The former key ends by itself when the history of the store does not need it any more.\n\nExamples:\n  timonel secrets rotate\n  timonel secrets rotate --no-wait -o json',
    )
    .action(rotate);
}
