import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { CliError, exitCodes } from '../errors.ts';

/** What a client needs to reach a cluster. */
export interface ClusterAccess {
  readonly server: string;
  /** PEM. */
  readonly caCertificate: string;
  readonly token: string;
}

/** A kubeconfig with one cluster, one user and one context. */
export function formatKubeconfig(access: ClusterAccess, name = 'timonel'): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name,
        cluster: {
          server: access.server,
          'certificate-authority-data': Buffer.from(access.caCertificate).toString('base64'),
        },
      },
    ],
    users: [{ name: `${name}-admin`, user: { token: access.token } }],
    contexts: [{ name, context: { cluster: name, user: `${name}-admin` } }],
    'current-context': name,
  });
}

export function writeKubeconfig(file: string, access: ClusterAccess): void {
  writeFileSync(file, formatKubeconfig(access), { mode: 0o600 });
  chmodSync(file, 0o600);
}

const schema = z.object({
  'current-context': z.string(),
  clusters: z.array(
    z.object({
      name: z.string(),
      cluster: z.object({ server: z.string(), 'certificate-authority-data': z.string() }),
    }),
  ),
  users: z.array(z.object({ name: z.string(), user: z.object({ token: z.string() }) })),
  contexts: z.array(z.object({ name: z.string(), context: z.object({ cluster: z.string(), user: z.string() }) })),
});

/** Reads the current context of a kubeconfig with a token. @throws CliError unreachable, when there is none. */
export function readKubeconfig(file: string): ClusterAccess {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new CliError(
      `No cluster found: ${file} is not there. Start one with \`timonel up\`, or name its kubeconfig with --kubeconfig.`,
      exitCodes.unreachable,
      { cause },
    );
  }
  const parsed = schema.safeParse(parse(text));
  const config = parsed.success ? parsed.data : undefined;
  const context = config?.contexts.find((candidate) => candidate.name === config['current-context'])?.context;
  const cluster = config?.clusters.find((candidate) => candidate.name === context?.cluster)?.cluster;
  const user = config?.users.find((candidate) => candidate.name === context?.user)?.user;
  if (cluster === undefined || user === undefined) {
    throw new CliError(`${file} is not a kubeconfig with a current context, an embedded CA and a token.`);
  }
  return {
    server: cluster.server,
    caCertificate: Buffer.from(cluster['certificate-authority-data'], 'base64').toString(),
    token: user.token,
  };
}
