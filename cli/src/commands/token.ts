import { Option, type Command } from 'commander';
import { createRealEnv } from '@timonel/core';
import {
  formatJoinToken,
  joinPaths,
  type AuthorityAnswer,
  hashJoinSecret,
  joinTokenHashKey,
  joinTokenNamespace,
  joinTokenSecretName,
  joinTokenSecretType,
  joinTokenUsageKey,
  makeJoinToken,
  parseJoinToken,
  type JoinRole,
} from '@timonel/sdk/join';
import type { KubeList, Secret } from '@timonel/sdk/kube';
import { readCertificate } from '@timonel/sdk/pki';
import type { ClusterAccess } from '../cluster/kubeconfig.ts';
import { callCluster } from '../cluster/remote.ts';
import { CliError, exitCodes } from '../errors.ts';
import { formatTable } from '../output/table.ts';
import { accessOf, print, withAccess, type AccessFlags } from './access.ts';

interface CreateFlags extends AccessFlags {
  readonly role: JoinRole;
  readonly ttl?: string;
  readonly description?: string;
}

const path = `/api/v1/namespaces/${joinTokenNamespace}/secrets`;
const roles: readonly JoinRole[] = ['agent', 'server'];
const defaultTtl: Readonly<Record<JoinRole, string>> = { agent: '24h', server: '1h' };
const unitsMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const longestMs = 30 * 86_400_000;

/** @throws CliError usage */
export function parseTtl(text: string): number {
  const [, count, unit = ''] = /^([1-9]\d{0,6})([smhd])$/.exec(text) ?? [];
  const ms = Number(count) * (unitsMs[unit] ?? Number.NaN);
  if (ms <= longestMs) return ms;
  throw new CliError(`--ttl ${text} is not a time such as 30m, 12h or 7d, 30d at most.`, exitCodes.usage);
}

/** The authority that signs now: a kubeconfig may have an older one. Clusters that take no joins do not say. */
async function signerOf(access: ClusterAccess): Promise<string> {
  const answer = await callCluster<AuthorityAnswer>(access, 'GET', joinPaths.authority).catch((error: unknown) => {
    if ((error as { cause?: { code?: unknown } }).cause?.code === 404) return { ca: access.caCertificate };
    throw error;
  });
  return answer.ca;
}

async function create(flags: CreateFlags): Promise<void> {
  const access = accessOf(flags);
  const { role, description = '' } = flags;
  const ttlMs = parseTtl(flags.ttl ?? defaultTtl[role]);
  const token = makeJoinToken(createRealEnv(), readCertificate(await signerOf(access)).publicKeyFingerprint);
  const expiration = `${new Date(Date.now() + ttlMs).toISOString().slice(0, 19)}Z`;
  await callCluster(access, 'POST', path, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: joinTokenSecretName(token.id), namespace: joinTokenNamespace },
    type: joinTokenSecretType,
    stringData: {
      'token-id': token.id,
      [joinTokenHashKey]: hashJoinSecret(token.secret),
      expiration,
      [joinTokenUsageKey(role)]: 'true',
      ...(description === '' ? {} : { description }),
    },
  });
  const text = formatJoinToken(token);
  print(flags, { id: token.id, token: text, role, expiration, description }, () => text);
  if (flags.output !== 'json') {
    process.stderr.write(
      `# ${role === 'agent' ? 'For `timonel agent`' : 'For `timonel server --join`: whoever has it gets the keys of the cluster'}. Good until ${expiration}; \`timonel token revoke ${token.id}\` ends it.\n# It is shown this once.\n`,
    );
  }
}

interface ListedToken {
  readonly id: string;
  readonly role: string;
  readonly expiration: string;
  readonly description: string;
  readonly expired: boolean;
}

async function tokens(flags: AccessFlags): Promise<readonly ListedToken[]> {
  const selector = encodeURIComponent(`type=${joinTokenSecretType}`);
  const list = await callCluster<KubeList<Secret>>(accessOf(flags), 'GET', `${path}?fieldSelector=${selector}`);
  return list.items.map(({ data = {} }) => {
    const text = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString('utf8');
    const expiration = text('expiration');
    return {
      id: text('token-id'),
      role: roles.filter((role) => text(joinTokenUsageKey(role)) === 'true').join(',') || 'none',
      expiration,
      description: text('description'),
      expired: !(Date.now() < Date.parse(expiration)),
    };
  });
}

async function list(flags: AccessFlags): Promise<void> {
  const items = await tokens(flags);
  print(flags, items, () =>
    formatTable(
      ['ID', 'ROLE', 'EXPIRES', 'DESCRIPTION'],
      items.map(({ id, role, expiration, description, expired }) => [
        id,
        role,
        expired ? `${expiration} (expired)` : expiration,
        description,
      ]),
    ),
  );
}

async function revoke(given: string, flags: AccessFlags): Promise<void> {
  const id = parseJoinToken(given)?.id ?? given;
  if (!(await tokens(flags)).some((token) => token.id === id)) {
    throw new CliError(`There is no join token "${id}": \`timonel token list\` shows those that there are.`);
  }
  await callCluster(accessOf(flags), 'DELETE', `${path}/${joinTokenSecretName(id)}`);
  print(flags, { id, revoked: true }, () => `token ${id} revoked`);
}

export function addToken(program: Command): void {
  const token = program.command('token').description('Tokens by which machines join the cluster');
  withAccess(token.command('create').description('Make a join token; it is shown this once'))
    .addOption(new Option('--role <role>', 'what it is good for').choices([...roles]).default('agent'))
    .option(
      '--ttl <time>',
      `how long it is good: 30m, 12h, 7d (default: ${defaultTtl.agent} for agent, ${defaultTtl.server} for server)`,
    )
    .option('--description <text>', 'what you want to remember of it')
    .addHelpText(
      'after',
      '\nExamples:\n  timonel token create\n  timonel token create --role server --ttl 10m\n  timonel token create -o json --description "rack 7"',
    )
    .action(create);
  withAccess(token.command('list').description('All join tokens, without their secrets'))
    .addHelpText('after', '\nExample:\n  timonel token list')
    .action(list);
  withAccess(token.command('revoke <id>').description('End a join token; machines that have joined stay'))
    .addHelpText('after', '\nExample:\n  timonel token revoke x7k2p9')
    .action(revoke);
}
