/** `timonel certificates`: the authority of the cluster, what it has signed, and its replacement. */
import type { Command } from 'commander';
import { callCluster } from '../cluster/remote.ts';
import { CliError } from '../errors.ts';
import { formatTable } from '../output/table.ts';
import { accessOf, print, withAccess, type AccessFlags } from './access.ts';

const base = '/apis/certificates.timonel.dev/v1';
const mostLines = 20;

interface AuthorityFacts {
  readonly commonName: string;
  readonly id: string;
  readonly notBefore: string;
  readonly notAfter: string;
}

export interface CertificateStatus {
  readonly phase: 'stable' | 'trust' | 'issue';
  readonly since?: string;
  readonly reason?: string;
  readonly signer: AuthorityFacts;
  readonly next?: AuthorityFacts;
  readonly former?: AuthorityFacts;
  /** Absent: it is replaced by hand only. */
  readonly replacedFrom?: string;
  readonly waitingFor: readonly string[];
  readonly servers: readonly {
    readonly name: string;
    readonly away: boolean;
    readonly certificates: readonly { readonly name: string; readonly issuer: string; readonly notAfter: string }[];
  }[];
  readonly nodes: readonly { readonly name: string; readonly notAfter: string; readonly issuer: string }[];
  readonly nodeCount: number;
}

async function call(
  flags: AccessFlags,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<CertificateStatus> {
  try {
    return await callCluster<CertificateStatus>(accessOf(flags), method, `${base}${path}`, body);
  } catch (error) {
    const status = (error as { cause?: { code?: unknown } }).cause;
    if (status?.code !== 404) throw error;
    throw new CliError(
      'Nothing looks after the certificates of this cluster: enable the plugin by `timonel plugin enable controller-authority` there.',
      undefined,
      { cause: error },
    );
  }
}

/** How long it is until then, in days. */
function inDays(time: string, nowMs: number): string {
  const days = Math.floor((Date.parse(time) - nowMs) / 86_400_000);
  return days < 0 ? 'expired' : `${days}d`;
}

function phaseText({ phase, since, reason, next, former }: CertificateStatus): string {
  if (phase === 'stable') return '';
  const text =
    phase === 'trust'
      ? `Since ${since} ${next?.commonName} is believed beside it, and is about to take over (${reason}).`
      : `Since ${since} it signs in place of ${former?.commonName}, which is believed beside it (${reason}).`;
  return `\n${text}`;
}

/** The status for people. */
export function statusText(status: CertificateStatus, nowMs: number): string {
  const { signer, replacedFrom, waitingFor, servers, nodes, nodeCount, next, former } = status;
  const names = new Map(
    [signer, next, former].flatMap((one) => (one === undefined ? [] : [[one.id, one.commonName] as const])),
  );
  const row = (place: string, name: string, issuer: string, notAfter: string): string[] => [
    place,
    name,
    names.get(issuer) ?? (issuer === '' ? 'not told' : 'another'),
    notAfter === '' ? '' : `${notAfter} (${inDays(notAfter, nowMs)})`,
  ];
  const rows = [
    row('cluster', 'ca', signer.id, signer.notAfter),
    ...servers.flatMap(({ name, away, certificates }) =>
      certificates.map((one) => row(`server ${name}${away ? ' (away)' : ''}`, one.name, one.issuer, one.notAfter)),
    ),
    ...nodes.slice(0, mostLines).map((node) => row(`node ${node.name}`, 'node', node.issuer, node.notAfter)),
  ];
  const more = nodeCount > mostLines ? `\nand ${nodeCount - mostLines} nodes more that end later: see -o json` : '';
  const due = replacedFrom === undefined ? 'by hand only' : `by itself from ${replacedFrom} on`;
  const waiting = waitingFor.slice(0, mostLines).map((text) => `\n  ${text}`);
  return [
    `Authority ${signer.commonName}, good until ${signer.notAfter} (${inDays(signer.notAfter, nowMs)}), is replaced ${due}.`,
    phaseText(status),
    waiting.length === 0 ? '' : `\nWaits, since:${waiting.join('')}`,
    `\n\n${formatTable(['WHERE', 'CERTIFICATE', 'SIGNED BY', 'UNTIL'], rows)}${more}`,
  ].join('');
}

function show(flags: AccessFlags, status: CertificateStatus): void {
  print(flags, status, () => statusText(status, Date.now()));
}

const rotateHelp = `
The next authority is believed beside the one of now everywhere (1), then signs all certificates (2); the former one is believed for a year more (3),
the longest that a certificate of it lives. Nobody is cut off: servers, nodes, pods and kubeconfigs go on. A server goes from one step to the next by
itself; who is away meanwhile learns it later. Happens by itself, too, when four fifths of the life of the authority are over.

Examples:
  timonel certificates rotate-ca
  timonel certificates rotate-ca --now          # take step 2 as soon as servers and nodes are ready, in about a minute
  timonel certificates status -o json`;

const retireHelp = `
Step 3 of \`timonel certificates rotate-ca\`, before its time: when the key of the former authority is in wrong hands. Refused as long as a server
or a node still has a certificate of it; --force cuts them off, and they have to join again. Certificates that were signed by requests
(\`kubectl certificate approve\`) end with it.

Examples:
  timonel certificates retire-ca
  timonel certificates retire-ca --force`;

export function addCertificates(program: Command): void {
  const certificates = program
    .command('certificates')
    .description("The cluster's authority, and which certificates end when");
  withAccess(
    certificates.command('status').description('What the authority has signed, and how far its replacement is'),
  )
    .addHelpText('after', '\nExamples:\n  timonel certificates status\n  timonel certificates status -o json')
    .action(async (flags: AccessFlags) => show(flags, await call(flags, 'GET', '/status')));
  withAccess(
    certificates
      .command('rotate-ca')
      .description('Replace the authority by a new one, without an interruption')
      .option('--now', 'do not wait for clients that ask for the authorities once an hour'),
  )
    .addHelpText('after', rotateHelp)
    .action(async (flags: AccessFlags & { readonly now?: boolean }) =>
      show(flags, await call(flags, 'POST', '/rotate', { hasty: flags.now === true })),
    );
  withAccess(
    certificates
      .command('retire-ca')
      .description('Believe the former authority no more')
      .option('--force', 'also when somebody is cut off'),
  )
    .addHelpText('after', retireHelp)
    .action(async (flags: AccessFlags & { readonly force?: boolean }) =>
      show(flags, await call(flags, 'POST', '/retire', { force: flags.force === true })),
    );
}
